//! Writes the rules of a service that cannot be judged, since it is not scraped.

use std::collections::BTreeMap;

use super::alerting::{Common, Entry};
use crate::{alerts::Published, metrics::catalog::Id};

/// The alerts of a target that is down, and of a service without any metrics.
pub(super) fn alerts(common: &Common<'_>, published: &Published<'_>) -> Vec<Entry> {
    // It is there from the start of the process on.
    let Some(started) = published.series(Id::Started) else {
        return Vec::new();
    };
    let down = format!("up == 0 and on (job, instance) last_over_time({started}[1d])");
    [
        (
            "ServiceDown",
            "service_down",
            down,
            "A process of the service is not scraped",
            "{{ $labels.instance }} served metrics in the last day, and cannot be scraped",
        ),
        (
            "ServiceAbsent",
            "service_absent",
            format!("absent({started})"),
            "The service has no metrics",
            "No rule of the service can be judged",
        ),
    ]
    .into_iter()
    .map(|(name, page, expr, summary, description)| {
        let entry = Entry {
            alert: Some(name.to_owned()),
            expr,
            pending: Some("2m".to_owned()),
            labels: BTreeMap::from([
                ("severity", "critical".to_owned()),
                ("signal", "presence".to_owned()),
            ]),
            annotations: BTreeMap::from([
                ("summary", summary.to_owned()),
                ("description", description.to_owned()),
            ]),
            ..Entry::default()
        };
        common.with_page(entry, page)
    })
    .collect()
}
