mod deployments;
mod errors;
mod handle;

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::*;
use crate::{
    facts::{
        category::ErrorCategory,
        labels::{MethodLabel, StatusLabel},
        severity::{Severity, SeverityBands},
    },
    metrics::readings::requests,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A window of five minutes, filled request by request.
#[derive(Clone, Debug)]
struct Window {
    bounds: Bounds,
    sums: Sums,
}

impl Window {
    fn new() -> Self {
        Self {
            bounds: Bounds::new([100, 500, 2_000].map(MS)).on_grid(),
            sums: Sums {
                begin: Duration::from_secs(1_795_262_400),
                end: Duration::from_secs(1_795_262_700),
                covered: Duration::from_secs(300),
                ..Sums::default()
            },
        }
    }

    /// One request. Without a duration, its client left.
    fn request(
        &mut self,
        method: &Method,
        endpoint: &str,
        status: u16,
        duration: Option<Duration>,
    ) {
        let method = MethodLabel::new(method);
        let endpoint: Arc<str> = endpoint.into();
        let status = StatusLabel::at(status);
        let nanos = duration.map(|duration| duration.as_nanos() as u64);
        let mut counts = vec![0; requests::COUNTS];
        counts[requests::ALL] = 1;
        if let Some((duration, nanos)) = duration.zip(nanos) {
            counts[requests::MEASURED] = 1;
            counts[requests::NANOS] = nanos;
            let severity = match status.is_server_error() {
                true => Severity::Critical,
                false => SeverityBands::default().severity(duration),
            };
            counts[requests::SEVERITIES + severity as usize] = 1;
            let key = Key::Durations {
                endpoint: Arc::clone(&endpoint),
                method,
            };
            let fine = self.sums.durations.entry(key).or_insert(Some(Vec::new()));
            let fine = fine.as_mut().unwrap();
            fine.resize(self.bounds.buckets(), 0);
            fine[self.bounds.index(nanos)] += 1;
        }
        let key = Key::Requests {
            endpoint,
            method,
            status,
        };
        self.add(key, &counts);
    }

    fn add(&mut self, key: Key, counts: &[u64]) {
        self.sums.last.insert(key.clone(), self.sums.end);
        let sums = self.sums.counts.entry(key).or_default();
        sums.resize(counts.len(), 0);
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    fn failures(&mut self, category: ErrorCategory, endpoint: &str, count: u64) {
        let endpoint = endpoint.into();
        self.add(Key::Errors { endpoint, category }, &[count]);
    }

    fn statistics(&self) -> Statistics {
        self.after(&Sums::default())
    }

    fn after(&self, before: &Sums) -> Statistics {
        Statistics::new(MS(300_000), &self.sums, before, &self.bounds, 2)
    }
}

/// Requests of all kinds: endpoint, method, status and duration.
fn some(most: usize) -> Vec<(&'static str, Method, u16, Option<Duration>)> {
    let any = || {
        let endpoint = fastrand::choice(["/orders", "/orders/{id}", "unmatched", "overflow"]);
        let method = fastrand::choice([Method::GET, Method::POST, Method::TRACE]);
        let status = fastrand::choice([200, 204, 302, 404, 429, 499, 500, 503, 0]);
        let nanos = || Duration::from_nanos(fastrand::u64(..1 << 37) >> fastrand::u32(..20));
        let measured = status != Some(499) || fastrand::bool();
        let duration = measured.then(nanos);
        (
            endpoint.unwrap(),
            method.unwrap(),
            status.unwrap(),
            duration,
        )
    };
    std::iter::repeat_with(any)
        .take(fastrand::usize(..most))
        .collect()
}

#[test]
fn statistics_are_the_sums_of_the_requests() {
    for _ in 0..100 {
        let all = some(300);
        let mut window = Window::new();
        for (endpoint, method, status, duration) in &all {
            window.request(method, endpoint, *status, *duration);
        }
        let statistics = window.statistics();
        let mut requests = 0;
        for endpoint in statistics.endpoints(EndpointOrder::Requests) {
            let mine = all.iter().filter(|(name, method, ..)| {
                *name == endpoint.endpoint && method.as_str() == endpoint.method
            });
            let mine: Vec<_> = mine.collect();
            let count = |is: &dyn Fn(u16, bool) -> bool| {
                let matching = mine
                    .iter()
                    .filter(|(_, _, status, duration)| is(*status, duration.is_some()));
                matching.count() as u64
            };
            let traffic = &endpoint.traffic;
            assert_eq!(traffic.requests, mine.len() as u64);
            assert_eq!(traffic.errors, count(&|status, _| status >= 500));
            let by_client =
                |status, measured| (400..499).contains(&status) || (status == 499 && measured);
            assert_eq!(traffic.client_errors, count(&by_client));
            for (status, times) in &traffic.statuses {
                let code = status.parse().unwrap_or(0);
                assert_eq!(*times, count(&|status, _| status == code), "{status}");
            }
            assert_eq!(traffic.statuses.values().sum::<u64>(), traffic.requests);
            let measured = count(&|_, measured| measured);
            assert_eq!(traffic.severities.values().sum::<u64>(), measured);
            let nanos: u128 = mine
                .iter()
                .filter_map(|one| one.3)
                .map(|one| one.as_nanos())
                .sum();
            assert_eq!(traffic.total_ms, nanos as f64 / 1e6);
            assert_eq!(traffic.mean_ms.is_some(), measured > 0);
            assert_eq!(traffic.p95_ms.is_some(), measured > 0);
            requests += traffic.requests;
        }
        assert_eq!(requests, all.len() as u64);
        assert_eq!(statistics.total.requests, requests);
    }
}

#[test]
fn windows_that_tile_a_run_add_up_to_it() {
    for _ in 0..50 {
        let mut run = Window::new();
        let mut parts = Vec::new();
        for _ in 0..4 {
            let mut part = Window::new();
            for (endpoint, method, status, duration) in some(100) {
                run.request(&method, endpoint, status, duration);
                part.request(&method, endpoint, status, duration);
            }
            parts.push(part.statistics());
        }
        for whole in run.statistics().endpoints(EndpointOrder::Requests) {
            let of = |part: &Statistics| {
                let part = part.endpoint(whole.method, &whole.endpoint);
                part.map_or((0, 0, 0), |part| {
                    let Traffic {
                        requests,
                        errors,
                        client_errors,
                        ..
                    } = part.traffic;
                    (requests, errors, client_errors)
                })
            };
            let add = |a: (u64, u64, u64), b: (u64, u64, u64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
            let sum = parts.iter().map(of).fold((0, 0, 0), add);
            let traffic = &whole.traffic;
            assert_eq!(
                sum,
                (traffic.requests, traffic.errors, traffic.client_errors)
            );
        }
    }
}

#[test]
fn an_empty_window_has_no_number_that_does_not_exist() {
    let mut window = Window::new();
    window.sums.covered = Duration::ZERO;
    let statistics = window.statistics();
    let none = json!({
        "requests": 0, "errors": 0, "client_errors": 0, "error_rate": null, "statuses": {},
        "severities": {"normal": 0, "slow": 0, "warning": 0, "critical": 0},
        "mean_ms": null, "p50_ms": null, "p95_ms": null, "p99_ms": null, "max_ms": null,
        "total_ms": 0.0, "last_updated": null,
    });
    let outcomes = json!({
        "completed": 0, "body_error": 0, "aborted": 0, "cancelled": 0, "error": 0, "panicked": 0,
    });
    let whole = json!({
        "window_seconds": 300.0, "covered_seconds": 0.0, "restored_seconds": 0.0,
        "until": WallTime::new(window.sums.end), "quantile_seconds": 0.0,
        "requests_per_second": null, "in_flight": 2,
        "started": 0, "outcomes": outcomes, "excluded": 0, "excluded_errors": 0,
        "total": none, "endpoints": [], "errors": [],
    });
    assert_eq!(serde_json::to_value(&statistics).unwrap(), whole);
    // JSON shows NaN as null, too.
    let Traffic {
        error_rate,
        mean_ms,
        p50_ms,
        p95_ms,
        p99_ms,
        max_ms,
        ..
    } = statistics.total;
    let rates = [error_rate, statistics.requests_per_second];
    assert_eq!(rates, [None; 2]);
    assert_eq!([mean_ms, p50_ms, p95_ms, p99_ms, max_ms], [None; 5]);
}

#[test]
fn requests_without_a_duration_have_no_times() {
    let mut window = Window::new();
    window.request(&Method::GET, "/", 499, None);
    let statistics = window.statistics();
    let traffic = &statistics.endpoint("GET", "/").unwrap().traffic;
    assert_eq!(traffic.requests, 1);
    assert_eq!(
        (traffic.mean_ms, traffic.p50_ms, traffic.max_ms),
        (None, None, None)
    );
    assert_eq!(traffic.error_rate, Some(0.0));
}

#[test]
fn a_client_that_left_is_no_error_and_a_service_that_answers_499_is() {
    let mut window = Window::new();
    window.request(&Method::GET, "/", 499, None);
    window.request(&Method::GET, "/", 499, Some(MS(1)));
    let total = window.statistics().total;
    assert_eq!(
        (total.requests, total.errors, total.client_errors),
        (2, 0, 1)
    );
    assert_eq!(total.statuses, [("499".to_owned(), 2)].into());
}

#[test]
fn an_endpoint_looks_in_json_as_the_api_shows_it() {
    let mut window = Window::new();
    window.request(&Method::GET, "/orders/{id}", 200, Some(MS(300)));
    window.request(&Method::GET, "/orders/{id}", 404, Some(MS(1)));
    window.request(&Method::GET, "/orders/{id}", 503, Some(MS(2)));
    let statistics = window.statistics();
    let endpoint = statistics.endpoint("GET", "/orders/{id}").unwrap();
    let shown = |millis: u64| {
        let bounds = &window.bounds;
        bounds.middle(bounds.index(millis * 1_000_000)) as f64 / 1e6
    };
    let last = "2026-11-21T12:05:00.000Z";
    let statuses = json!({"200": 1, "404": 1, "503": 1});
    let expected = json!({
        "method": "GET", "endpoint": "/orders/{id}",
        "requests": 3, "errors": 1, "client_errors": 1, "error_rate": 1.0 / 3.0,
        "statuses": statuses,
        "severities": {"normal": 1, "slow": 1, "warning": 0, "critical": 1},
        "mean_ms": 101.0, "p50_ms": shown(2), "p95_ms": shown(300), "p99_ms": shown(300),
        "max_ms": shown(300), "total_ms": 303.0, "last_updated": last,
    });
    assert_eq!(serde_json::to_value(endpoint).unwrap(), expected);
    let cached = json!({
        "total_requests": 3, "total_duration": 303.0, "error_count": 1,
        "status_codes": statuses, "last_updated": last,
    });
    assert_eq!(serde_json::to_value(endpoint.summary()).unwrap(), cached);
}

#[test]
fn totals_are_those_of_the_window() {
    let mut window = Window::new();
    let mut counts: Vec<u64> = (10..10 + totals::COUNTS as u64).collect();
    counts[totals::STARTED] = 77;
    window.sums.restored = Duration::from_secs(60);
    window.add(Key::Totals, &counts);
    (0..600).for_each(|_| window.request(&Method::GET, "/", 200, Some(MS(1))));
    let statistics = window.statistics();
    assert_eq!((statistics.started, statistics.in_flight), (77, 2));
    let outcomes = Outcome::ALL.map(|outcome| statistics.outcomes[outcome.as_str()]);
    assert_eq!(outcomes, [11, 12, 13, 14, 15, 16]);
    assert_eq!((statistics.excluded, statistics.excluded_errors), (17, 18));
    assert_eq!(statistics.requests_per_second, Some(2.0));
    assert_eq!(statistics.restored_seconds, 60.0);
    assert_eq!(
        (statistics.window_seconds, statistics.covered_seconds),
        (300.0, 300.0)
    );
}

#[test]
fn endpoints_stand_in_the_order_that_was_asked_for() {
    let mut window = Window::new();
    let mut some = |endpoint: &str, times: u64, status, duration| {
        (0..times).for_each(|_| window.request(&Method::GET, endpoint, status, duration));
    };
    some("/often", 9, 200, Some(MS(1)));
    some("/fails", 3, 500, Some(MS(10)));
    some("/slow", 2, 200, Some(MS(400)));
    some("/long", 5, 200, Some(MS(300)));
    some("/left", 4, 499, None);
    some("/also-left", 4, 499, None);
    let statistics = window.statistics();
    let names = |order| {
        let endpoints = statistics.endpoints(order).into_iter();
        endpoints.map(|one| &*one.endpoint).collect::<Vec<_>>()
    };
    let by_requests = ["/often", "/long", "/also-left", "/left", "/fails", "/slow"];
    assert_eq!(names(EndpointOrder::Requests), by_requests);
    assert_eq!(names(EndpointOrder::default()), by_requests);
    assert_eq!(names(EndpointOrder::Errors)[0], "/fails");
    let by_p95 = ["/slow", "/long", "/fails", "/often", "/also-left", "/left"];
    assert_eq!(names(EndpointOrder::P95), by_p95);
    assert_eq!(names(EndpointOrder::TotalTime)[..2], ["/long", "/slow"]);
}

#[test]
fn methods_of_one_route_are_rows_of_their_own_and_so_are_unmatched_and_overflow() {
    let mut window = Window::new();
    for endpoint in ["/orders", "unmatched", "overflow"] {
        window.request(&Method::GET, endpoint, 200, Some(MS(1)));
        window.request(&Method::POST, endpoint, 201, Some(MS(1)));
    }
    let statistics = window.statistics();
    for endpoint in ["/orders", "unmatched", "overflow"] {
        for method in ["GET", "POST"] {
            let row = statistics.endpoint(method, endpoint).unwrap();
            assert_eq!(row.traffic.requests, 1, "{method} {endpoint}");
        }
    }
    assert!(statistics.endpoint("PUT", "/orders").is_none());
}

#[test]
fn where_fine_counts_were_given_up_the_other_numbers_stay() {
    let mut window = Window::new();
    window.request(&Method::GET, "/kept", 200, Some(MS(2)));
    window.request(&Method::GET, "/gone", 200, Some(MS(4)));
    let key = Key::Durations {
        endpoint: "/gone".into(),
        method: MethodLabel::new(&Method::GET),
    };
    window.sums.durations.insert(key, None);
    let statistics = window.statistics();
    let gone = &statistics.endpoint("GET", "/gone").unwrap().traffic;
    assert_eq!((gone.p50_ms, gone.p99_ms, gone.max_ms), (None, None, None));
    assert_eq!((gone.requests, gone.mean_ms), (1, Some(4.0)));
    assert!(
        statistics
            .endpoint("GET", "/kept")
            .unwrap()
            .traffic
            .p95_ms
            .is_some()
    );
    // A part of the durations is no answer for all requests.
    assert_eq!(
        (statistics.total.p95_ms, statistics.total.mean_ms),
        (None, Some(3.0))
    );
}

#[test]
fn the_last_update_is_that_of_the_newest_status() {
    let mut window = Window::new();
    for (status, at) in [(200, 5), (404, 9), (500, 7)] {
        window.sums.end = Duration::from_secs(at);
        window.request(&Method::GET, "/", status, Some(MS(1)));
    }
    let statistics = window.statistics();
    let last = statistics
        .endpoint("GET", "/")
        .unwrap()
        .traffic
        .last_updated;
    assert_eq!(last, Some(WallTime::new(Duration::from_secs(9))));
    assert_eq!(statistics.total.last_updated, last);
    assert_eq!(last.unwrap().to_string(), "1970-01-01T00:00:09.000Z");
}

#[test]
fn counters_of_any_size_make_a_sum() {
    let mut window = Window::new();
    for status in [200, 500] {
        for endpoint in ["/a", "/b"] {
            window.request(&Method::GET, endpoint, status, Some(MS(1)));
        }
    }
    for counts in window.sums.counts.values_mut() {
        counts.fill(u64::MAX);
    }
    for counts in window.sums.durations.values_mut().flatten() {
        counts.fill(u64::MAX);
    }
    let statistics = window.statistics();
    let total = &statistics.total;
    assert_eq!((total.requests, total.errors), (u64::MAX, u64::MAX));
    assert!(total.p50_ms < total.max_ms);
    // Counts that are missing are 0.
    window.sums.counts.values_mut().for_each(Vec::clear);
    window
        .sums
        .durations
        .values_mut()
        .flatten()
        .for_each(Vec::clear);
    assert_eq!(window.statistics().total.requests, 0);
}
