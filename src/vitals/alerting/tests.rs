//! Plays two stacks that meet at a real Redis.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::Vitals;
use crate::{
    alerts::{AlertSeverity, Alerts, NewSilence, Rule, Signal},
    fleet::{Fleet, real_redis::RealRedis},
    notify::{Notification, NotificationKind, Notifier, Notifiers, NotifyError, Routes},
};

const LONG: Duration = Duration::from_secs(60);

/// Notes which instance told what.
#[derive(Clone)]
struct Notes {
    by: &'static str,
    told: Arc<Mutex<Vec<(&'static str, NotificationKind)>>>,
}

impl Notifier for Notes {
    fn name(&self) -> &str {
        "notes"
    }

    fn notify(&self, all: &[Notification], _: Duration) -> Result<(), NotifyError> {
        let all = all.iter().map(|one| (self.by, one.kind));
        self.told.lock().unwrap().extend(all);
        Ok(())
    }
}

/// A stack whose alert fires as long as nobody asks anything of the service. It evaluates when it is asked to.
fn stack(server: &RealRedis, notes: Notes) -> Vitals {
    let quiet = Rule::new("quiet", Signal::requests_per_second())
        .below(1.0)
        .pending_for(Duration::ZERO);
    let fleet = Fleet::at(&server.url()).unwrap();
    let routes = Routes::new().severity(AlertSeverity::Warning, ["notes"]);
    let fleet = fleet.instance(notes.by).timeout(Duration::from_secs(10));
    let builder = Vitals::builder()
        .isolated()
        .service_name("shop")
        .statistics_slot(Duration::from_millis(20))
        .alerts(Alerts::none().rule(quiet).interval(LONG * 60))
        .notifiers(Notifiers::new().notifier(notes).routes(routes))
        .fleet(fleet);
    builder.build().unwrap()
}

fn until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LONG, "it did not happen");
        thread::yield_now();
    }
}

#[test]
#[ignore = "needs redis-server"]
fn two_stacks_have_one_alert_and_one_tells() {
    let server = RealRedis::start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = |by| Notes {
        by,
        told: Arc::clone(&told),
    };
    let [one, other] = [notes("one"), notes("other")].map(|notes| stack(&server, notes));
    until(|| !one.alerts().evaluate().is_empty());
    let firing = other.alerts().evaluate();
    assert_eq!(firing, one.alerts().firing(), "it is shown by both");
    assert_eq!(one.flush(LONG), 0);
    assert_eq!(*told.lock().unwrap(), [("one", NotificationKind::Firing)]);

    // What is asked of one acts at the other.
    let silence = NewSilence::of(LONG).label("alert", "quiet");
    let silence = other.alerts().silence(silence).unwrap();
    let fingerprint = firing[0].fingerprint;
    other.alerts().acknowledge(fingerprint, "ada").unwrap();
    let seen = one.alerts().evaluate();
    assert_eq!(seen[0].acknowledged_by.as_deref(), Some("ada"));
    assert_eq!(one.alerts().silences(), [silence]);
    assert_eq!(other.alerts().evaluate()[0].fired_at, firing[0].fired_at);
    assert_eq!(told.lock().unwrap().len(), 1);
}
