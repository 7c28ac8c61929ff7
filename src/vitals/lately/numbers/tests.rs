use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::{
    alerts::{Alerts, Rule, Signal},
    vitals::Vitals,
};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "measures, and needs optimisation: cargo test --release"]
fn a_thousand_rules_over_the_window_of_a_thousand_endpoints() {
    let signals = [
        Signal::error_rate_percent(),
        Signal::p95_ms(),
        Signal::p99_ms(),
        Signal::requests_per_second(),
        Signal::errors_per_minute(),
        Signal::error_spike_percent(),
        Signal::pool_usage_percent(),
        Signal::memory_usage_percent(),
        Signal::gauge("workers", &[]),
    ];
    for (scope, each) in [("the service", false), ("each endpoint", true)] {
        for (what, threshold) in [("nothing", 3_600.0), ("everything", 0.1)] {
            let rules = (0..1_000).map(|index| {
                let signal = signals[index % signals.len()].clone();
                let is_share = signal.name() == "error_rate_percent";
                let threshold = if is_share {
                    f64::min(threshold, 99.0)
                } else {
                    threshold
                };
                let by_endpoint = index % signals.len() < 6;
                // Thresholds that differ are edges of the buckets, and there are few of those.
                let rule = Rule::new(format!("rule_{index}"), signal)
                    .above(threshold)
                    .at_least(1)
                    .pending_for(Duration::ZERO);
                match each && by_endpoint {
                    true => rule.each_endpoint(),
                    false => rule,
                }
            });
            let alerts = Alerts::none().rules(rules).interval(60 * MINUTE);
            let vitals = Vitals::builder().isolated().alerts(alerts).build().unwrap();
            let metrics = vitals.metrics();
            for endpoint in 0..1_000 {
                let endpoint = String::leak(format!("/api/v1/things/{endpoint}"));
                for (millis, status) in [(5, 200), (20, 200), (80, 404), (300, 200), (900, 500)] {
                    let status = StatusCode::from_u16(status).unwrap();
                    let time = Duration::from_millis(millis);
                    (0..4).for_each(|_| {
                        metrics.record_request(&Method::GET, endpoint, status, time);
                    });
                }
            }
            let handle = vitals.alerts();
            let mut times: Vec<_> = (0..20)
                .map(|_| {
                    let before = Instant::now();
                    handle.evaluate();
                    before.elapsed()
                })
                .collect();
            times.sort_unstable();
            println!(
                "{scope}, {what} is broken: {} alerts; evaluation {:?} in the middle, {:?} at most",
                handle.all().len(),
                times[times.len() / 2],
                times[times.len() - 1]
            );
        }
    }
}
