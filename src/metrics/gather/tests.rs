use std::{collections::BTreeMap, time::Duration};

use super::{super::samples, *};

/// Counters by name and labels. A series that comes twice fails.
#[derive(Default)]
struct Counters {
    family: String,
    seen: BTreeMap<String, u64>,
}

impl Samples for Counters {
    fn family(&mut self, family: &samples::Family<'_>) {
        family.name.clone_into(&mut self.family);
    }

    fn counter(&mut self, labels: &samples::Labels<'_>, value: u64) {
        let key = format!("{} {labels:?}", self.family);
        let before = self.seen.insert(key.clone(), value);
        assert_eq!(before, None, "{key}");
    }

    fn gauge(&mut self, _: &samples::Labels<'_>, _: f64) {}

    fn histogram(&mut self, _: &samples::Labels<'_>, _: &samples::Histogram<'_>) {}
}

#[test]
fn an_endpoint_called_excluded_shares_the_series_of_excluded_paths() {
    let metrics = Settings::new().isolated().unwrap();
    let failures = |metrics: &Metrics| {
        let mut counters = Counters::default();
        gather(Some(metrics), &[], &mut counters);
        let key = r#"errors_total [("category", "server_error"), ("endpoint", "excluded")]"#;
        counters.seen[key]
    };
    assert_eq!(failures(&metrics), 0);
    let count = |status: http::StatusCode| {
        metrics.record_request(&http::Method::GET, EXCLUDED, status, Duration::ZERO);
    };
    count(http::StatusCode::OK);
    assert_eq!(failures(&metrics), 0);
    count(http::StatusCode::INTERNAL_SERVER_ERROR);
    metrics.excluded(true);
    assert_eq!(failures(&metrics), 2);
}

#[test]
fn sums_of_counters_that_wrapped_are_shown() {
    let metrics = Settings::new().isolated().unwrap();
    let mut gathered = Gathered::new(&metrics, false);
    (gathered.totals.overflow, gathered.totals.hook_failures) = (2, 3);
    gathered.application = Unkept {
        overflowed: u64::MAX,
        dropped: u64::MAX,
    };
    let mut counters = Counters::default();
    for id in [Id::Overflow, Id::HookFailures] {
        let entry = &CATALOG[id as usize];
        let spelling = entry.spelling(Names::Prometheus).unwrap();
        let naming = &metrics.settings().naming;
        gathered.give(&mut OneFamily::new(entry, spelling, naming, &mut counters));
    }
    let values: Vec<_> = counters.seen.into_values().collect();
    assert_eq!(values, [2, 1]);
}
