//! Gives single families, for those who need no more.

use super::{
    super::{
        Metrics,
        catalog::{self, Id},
        one_family::OneFamily,
        samples::Samples,
    },
    checks, work,
};

/// Gives the samples of what is asked from time to time, and nothing else.
pub(in crate::metrics) fn gather_sampled(metrics: &Metrics, out: &mut dyn Samples) {
    let settings = metrics.settings();
    let sampled = Metrics::samplers_of(Some(metrics)).read();
    for entry in catalog::all() {
        if let Some(spelling) = entry.spelling(settings.names) {
            let mut family = OneFamily::new(entry, spelling, &settings.naming, out);
            sampled.give(&mut family);
        }
    }
}

/// Gives one family of gauges. It is of checks, of circuit breakers, of jobs, or was asked for.
pub(in crate::metrics) fn gather_gauges(metrics: &Metrics, id: Id, out: &mut dyn Samples) {
    let settings = metrics.settings();
    for entry in catalog::all().filter(|entry| entry.id == id) {
        let Some(spelling) = entry.spelling(settings.names) else {
            continue;
        };
        let mut family = OneFamily::new(entry, spelling, &settings.naming, out);
        match id {
            Id::HealthStatus | Id::CertificateExpiry => {
                checks::checks(&metrics.all_checks(), &mut family);
            }
            _ => {
                work::give(metrics, &mut family);
                Metrics::samplers_of(Some(metrics)).read().give(&mut family);
            }
        }
    }
}
