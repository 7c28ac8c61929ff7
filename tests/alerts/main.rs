//! Tests of alerts in a running service, from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "../it/support/directory.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod directory;
#[path = "../it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;
#[path = "../it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;
#[path = "../it/support/panics.rs"]
mod panics;

mod built;
mod faults;
mod firing;
mod gauges;
mod kept;

use std::{sync::LazyLock, time::Duration};

use axum::http::{Method, StatusCode};
use tower_vitals::{
    Vitals,
    alerts::{Alert, Alerts, Rule, Signal},
    vitals::VitalsBuilder,
};
use tracing::Dispatch;
use tracing_subscriber::registry;

const MINUTE: Duration = Duration::from_secs(60);

/// An error rate above 5 %, which fires at once.
fn error_rate() -> Rule {
    Rule::new("failing", Signal::error_rate_percent())
        .above(5.0)
        .pending_for(Duration::ZERO)
}

/// Wants every event, and gets none. Without it, an event that is written for the first time while a subscriber is made can be
/// taken for one that nobody wants.
static INTERESTED: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(registry()));

/// A stack with these rules alone. Nobody evaluates them before the test does.
fn stack(rules: impl IntoIterator<Item = Rule>) -> VitalsBuilder {
    let alerts = Alerts::none()
        .rules(rules)
        .interval(Duration::from_secs(3_600));
    builder().alerts(alerts)
}

fn builder() -> VitalsBuilder {
    LazyLock::force(&INTERESTED);
    Vitals::builder().isolated()
}

/// Counts so many requests of one endpoint.
fn requests(vitals: &Vitals, endpoint: &'static str, status: u16, count: usize) {
    let status = StatusCode::from_u16(status).unwrap();
    for _ in 0..count {
        let time = Duration::from_millis(10);
        vitals
            .metrics()
            .record_request(&Method::GET, endpoint, status, time);
    }
}

/// What the alert with this name says. `None` if it is inactive.
fn alert(vitals: &Vitals, name: &str) -> Option<Alert> {
    vitals
        .alerts()
        .all()
        .into_iter()
        .find(|one| one.name == name)
}

/// The names of the alerts that fire, each with the value of its first label.
fn firing(vitals: &Vitals) -> Vec<String> {
    let firing = vitals.alerts().firing().into_iter();
    firing
        .map(|one| match one.labels.values().next() {
            Some(label) => format!("{} {label}", one.name),
            None => one.name,
        })
        .collect()
}
