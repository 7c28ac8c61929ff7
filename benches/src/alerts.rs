//! An evaluation of many rules over many endpoints.

use std::{hint::black_box, time::Duration};

use axum::http::{Method, StatusCode};
use tower_vitals::{
    Vitals,
    alerts::{Alerts, Rule, Signal},
};
use tower_vitals_benches::{Driver, SUBJECTS};

/// How many rules there are, and how many endpoints.
const MANY: usize = 1_000;

/// How many evaluations are counted.
pub const EVALUATIONS: usize = 3;

/// What callgrind looks at: each rule is broken at each endpoint, or none is.
pub fn evaluate(broken: bool) {
    let signals = [
        Signal::error_rate_percent(),
        Signal::p95_ms(),
        Signal::p99_ms(),
        Signal::requests_per_second(),
        Signal::errors_per_minute(),
        Signal::error_spike_percent(),
    ];
    let rules = (0..MANY).map(|number| {
        let signal = signals[number % signals.len()].clone();
        let threshold = match signal.name() {
            _ if broken => 0.1,
            "error_rate_percent" => 99.0,
            _ => 5_000.0,
        };
        Rule::new(format!("rule_{number}"), signal)
            .above(threshold)
            .at_least(1)
            .pending_for(Duration::ZERO)
            .each_endpoint()
    });
    let alerts = Alerts::none()
        .rules(rules)
        .interval(Duration::from_secs(60 * 60));
    let vitals = Vitals::builder().isolated().alerts(alerts).build();
    let vitals = vitals.expect("rules that work");
    for number in 0..MANY {
        let endpoint = String::leak(format!("/api/v1/things/{number}"));
        for (millis, status) in [(5, 200), (20, 200), (80, 404), (300, 200), (900, 500)] {
            let status = StatusCode::from_u16(status).expect("a status");
            let time = Duration::from_millis(millis);
            vitals
                .metrics()
                .record_request(&Method::GET, endpoint, status, time);
        }
    }
    let alerts = vitals.alerts();
    alerts.evaluate();
    assert_eq!(!alerts.firing().is_empty(), broken);
    let driver = Driver::new(&SUBJECTS[0]);
    driver.measured_code(EVALUATIONS, &|| _ = black_box(alerts.evaluate()));
}
