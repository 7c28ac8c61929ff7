//! Tests of notifications in a running service, from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod alertmanager;
#[path = "../it/support/directory.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod directory;
#[path = "../it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "../it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;
mod inbox;
#[path = "../it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;
#[path = "../it/support/nobody.rs"]
mod nobody;
mod notes;
#[path = "../programs/mod.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;
mod python;
mod real;
mod requests;
mod routed;
mod secrets;
mod shutdown;
mod told;
mod two_servers;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tower_vitals::{
    Vitals,
    alerts::{AlertSeverity, Alerts, Rule, Signal, SignalUnit},
    notify::Notifiers,
    vitals::VitalsBuilder,
};

use self::notes::{Noted, Notes};

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

/// A number that a test sets. Its rule is broken above 1, and fires and ends at once.
#[derive(Clone, Default)]
struct Level(Arc<AtomicU64>);

// === impl Level ===

impl Level {
    fn set(&self, level: u64) {
        self.0.store(level, Relaxed);
    }

    fn rule(&self, name: &str, severity: AlertSeverity) -> Rule {
        let level = Arc::clone(&self.0);
        let ask = move || Some(level.load(Relaxed) as f64);
        let signal = format!("level_of_{name}");
        Rule::new(name, Signal::asked(signal, SignalUnit::Count, ask))
            .above(1.0)
            .pending_for(Duration::ZERO)
            .keep_firing_for(Duration::ZERO)
            .severity(severity)
    }
}

/// A stack with these rules alone. Nobody evaluates them before the test does.
fn stack(rules: impl IntoIterator<Item = Rule>) -> VitalsBuilder {
    let alerts = Alerts::none()
        .rules(rules)
        .interval(Duration::from_secs(3_600));
    Vitals::builder()
        .isolated()
        .service_name("shop")
        .alerts(alerts)
}

/// The stack of one process, which keeps its state in this file. Slack is told that it is down.
fn begin(file: &Path, level: &Level) -> (Vitals, Noted) {
    let (slack, noted) = Notes::new("slack");
    let vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(Notifiers::new().notifier(slack))
        .state_file(file)
        .build()
        .unwrap();
    (vitals, noted)
}
