mod deployments;
mod endpoints;
mod errors;
mod handle;
#[cfg(feature = "health")]
mod overview;
#[cfg(feature = "health")]
mod steps;
mod traffic;
mod work;

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::{
    given::{MS, Window},
    *,
};
use crate::facts::{category::ErrorCategory, labels::MethodLabel};

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
        "operations": [], "queries": [], "outbound": [], "jobs": [],
        "circuits": {"groq": "half_open"}, "samples": {"length": 3.0},
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
