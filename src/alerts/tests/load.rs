//! What an evaluation of many rules costs.

use std::time::Duration;

use super::*;
use crate::alerts::signal::Signal;

/// Gives sums that are made already.
struct Made {
    service: Service,
    sums: [Sums; 2],
}

impl Numbers for Made {
    fn now(&self) -> Duration {
        self.service.now
    }

    fn counted(&self, from: Duration, to: Option<Duration>, durations: bool) -> Sums {
        let sums = &self.sums[usize::from(durations)];
        Sums {
            begin: from,
            end: to.unwrap_or(self.service.now),
            covered: MINUTE,
            counts: sums.counts.clone(),
            durations: sums.durations.clone(),
            ..Sums::default()
        }
    }

    fn observed(&self) -> Duration {
        HOUR
    }

    fn slot(&self) -> Duration {
        10 * SECOND
    }

    fn bounds(&self) -> &Bounds {
        &self.service.bounds
    }

    fn in_flight(&self) -> u64 {
        0
    }

    fn deployed(&self) -> Option<Duration> {
        None
    }

    fn gauge(&self, _gauge: Gauge) -> Vec<(String, f64)> {
        Vec::new()
    }

    fn gauges_of(&self, _name: &str, _labels: &[(String, String)]) -> Vec<(Labels, f64)> {
        Vec::new()
    }

    fn counter(&self, _counter: &CounterOf) -> Option<f64> {
        None
    }
}

/// A service with a thousand endpoints.
fn made() -> Made {
    let mut service = Service::new();
    service.now += 24 * HOUR;
    for endpoint in 0..1_000 {
        let endpoint = format!("/api/v1/things/{endpoint}");
        for time in [5, 20, 80, 300, 900] {
            service.took(&endpoint, Duration::from_millis(time), 20);
        }
        service.requests(&endpoint, 500, 1);
        service.requests(&endpoint, 404, 5);
        service.errors(&endpoint, ErrorCategory::Database, 1);
    }
    let from = service.now - 5 * MINUTE;
    let sums = [false, true].map(|durations| service.counted(from, None, durations));
    Made { service, sums }
}

#[test]
#[ignore = "measures, and needs optimisation: cargo test --release"]
fn a_thousand_rules_over_a_thousand_endpoints() {
    let signals = [
        Signal::error_rate_percent(),
        Signal::p95_ms(),
        Signal::p99_ms(),
        Signal::requests_per_second(),
        Signal::errors_per_minute(),
        Signal::error_rate_percent().category(ErrorCategory::Database),
        Signal::error_spike_percent(),
    ];
    for (what, threshold) in [
        ("nothing is broken", 3_600.0),
        ("everything is broken", 0.1),
    ] {
        let rules = (0..1_000).map(|index| {
            let signal = signals[index % signals.len()].clone();
            let is_share = signal.name() == "error_rate_percent";
            let threshold = if is_share {
                f64::min(threshold, 99.0)
            } else {
                threshold
            };
            Rule::new(format!("rule_{index}"), signal)
                .above(threshold)
                .at_least(1)
                .pending_for(Duration::ZERO)
                .each_endpoint()
        });
        let made = made();
        let watch = Watch::new(Alerts::none().rules(rules).checked().unwrap().rules);
        let mut times = Vec::new();
        for round in 1..=20 {
            let tick = Tick {
                at: made.service.now + MINUTE * round,
                elapsed: MINUTE,
                is_gap: false,
            };
            let before = tokio::time::Instant::now();
            watch.evaluate(Part::All, tick, &made);
            times.push(before.elapsed());
        }
        times.sort_unstable();
        println!(
            "{what}: {} alerts; evaluation {:?} in the middle, {:?} at most",
            watch.engine().alerts().len(),
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
}
