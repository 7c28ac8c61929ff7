use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{samples, series::Sample},
    *,
};

/// Counters, and the counts of histograms, by name and labels. A series that comes twice fails.
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

    fn histogram(&mut self, labels: &samples::Labels<'_>, histogram: &samples::Histogram<'_>) {
        self.counter(labels, histogram.count());
    }
}

#[test]
fn an_endpoint_called_excluded_shares_the_series_of_excluded_paths() {
    let metrics = Settings::new().isolated().unwrap();
    let failures = |metrics: &Metrics| {
        let key = r#"errors_total [("category", "server_error"), ("endpoint", "excluded")]"#;
        gathered(metrics)[key]
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
        let entry = catalog::all().nth(id as usize).unwrap();
        let spelling = entry.spelling(Names::Prometheus).unwrap();
        let naming = &metrics.settings().naming;
        gathered.give(&mut OneFamily::new(entry, spelling, naming, &mut counters));
    }
    let values: Vec<_> = counters.seen.into_values().collect();
    assert_eq!(values, [2, 1]);
}

/// All counters, and the counts of all histograms.
fn gathered(metrics: &Metrics) -> BTreeMap<String, u64> {
    let mut counters = Counters::default();
    gather(Some(metrics), &[], &mut counters);
    counters.seen
}

#[test]
fn each_method_of_a_route_has_failures_from_its_first_request_on() {
    let metrics = Settings::new().isolated().unwrap();
    let count = |method, status| metrics.record_request(&method, "/a", status, Duration::ZERO);
    count(http::Method::GET, http::StatusCode::OK);
    count(http::Method::POST, http::StatusCode::INTERNAL_SERVER_ERROR);
    let seen = gathered(&metrics);
    for (method, failures) in [("GET", 0), ("POST", 1)] {
        let labels = format!(r#"("method", "{method}"), ("endpoint", "/a"), ("status", "500")"#);
        assert_eq!(
            seen[&format!("http_requests_total [{labels}]")],
            failures,
            "{method}"
        );
    }
}

#[test]
fn calls_whose_methods_have_no_name_are_counted_together() {
    let metrics = Settings::new().isolated().unwrap();
    let inner = &*metrics.inner;
    for path in ["/one", "/another"] {
        let second = Sample::of(Duration::from_secs(1));
        inner.grpc.record(Some(path), SeriesKey(0, 0), second);
        inner
            .grpc_seconds
            .record(Some(path), SeriesKey(0, 0), second);
    }
    let seen = gathered(&metrics);
    let method = r#"("grpc_type", "unary"), ("grpc_service", "_OTHER"), ("grpc_method", "_OTHER")"#;
    assert_eq!(seen[&format!("grpc_server_handling_seconds [{method}]")], 2);
    let handled = format!(r#"grpc_server_handled_total [{method}, ("grpc_code", "OK")]"#);
    assert_eq!(seen[&handled], 2);
}
