//! Gives the families of health checks, which belong to no counters.

use std::collections::BTreeMap;

use super::super::{catalog::Id, checks::CheckReading, one_family::OneFamily};

/// Gives the samples of a family.
pub(super) fn checks(checks: &[CheckReading], family: &mut OneFamily<'_>) {
    match family.id() {
        Id::HealthStatus => {
            for check in checks {
                family.gauge(&[&check.name], check.status);
            }
        }
        Id::HealthLastSuccess => {
            for check in checks {
                if let Some(at) = check.last_success {
                    family.gauge(&[&check.name], at);
                }
            }
        }
        Id::HealthDuration => {
            for check in checks {
                check.latencies.give(family, &check.name);
            }
        }
        _ => {
            for (host, at) in first_expiries(checks) {
                family.gauge(&[host], at);
            }
        }
    }
}

/// When the certificate of each host expires. Several checks can ask one host, whose certificates can differ: the first counts.
fn first_expiries(checks: &[CheckReading]) -> BTreeMap<&str, f64> {
    let mut first = BTreeMap::new();
    for (host, at) in checks.iter().flat_map(|check| &check.certificates) {
        let known = first.entry(&**host).or_insert(*at);
        *known = known.min(*at);
    }
    first
}
