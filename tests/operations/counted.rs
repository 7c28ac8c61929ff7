//! Reads what was counted of functions and queries.

use std::collections::BTreeMap;

use tower_vitals::metrics::{HistogramSummary, Metrics, Settings};

/// Counters of one test alone.
pub(crate) fn isolated() -> Metrics {
    Settings::new().isolated().unwrap()
}

/// The durations of a family, by the values of its two labels.
pub(crate) fn durations(
    metrics: &Metrics,
    family: &str,
) -> BTreeMap<(String, String), HistogramSummary> {
    let all = metrics.snapshot().histograms.into_iter();
    let of_family = all.filter_map(|(key, summary)| {
        let labels = key.strip_prefix(family)?.strip_prefix('{')?;
        let values: Vec<_> = labels.split('"').skip(1).step_by(2).collect();
        let [first, second] = values[..] else {
            panic!("{key}")
        };
        Some(((first.to_owned(), second.to_owned()), summary))
    });
    of_family.collect()
}

/// How often each function ended in each way.
pub(crate) fn calls(metrics: &Metrics) -> Vec<(String, String, u64)> {
    let all = durations(metrics, "monitored_operation_duration_seconds").into_iter();
    all.map(|((name, outcome), summary)| (name, outcome, summary.count))
        .collect()
}

/// The same, to compare with.
pub(crate) fn expected(all: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    let all = all.iter();
    all.map(|(name, outcome, count)| ((*name).to_owned(), (*outcome).to_owned(), *count))
        .collect()
}
