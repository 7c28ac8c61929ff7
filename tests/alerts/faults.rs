//! Plugs in signals and subscribers that hang and panic.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use tokio::time;
use tower_vitals::{
    Vitals,
    alerts::{AlertState, Rule, Signal, SignalUnit},
    health::{Health, Role, Status},
    metrics::Sink,
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
};

use crate::{
    MINUTE, alert, builder, error_rate, exposition::Exposition, firing,
    panics::silence_panics_that_were_asked_for, requests, stack,
};

/// A rule over a number that this gives.
fn asked(name: &str, ask: impl Fn() -> Option<f64> + Send + Sync + 'static) -> Rule {
    Rule::new(name, Signal::asked(name, SignalUnit::Count, ask))
        .above(0.0)
        .pending_for(Duration::ZERO)
}

#[test]
fn a_signal_that_panics_is_an_error_and_the_others_are_judged() {
    silence_panics_that_were_asked_for();
    let panics = asked("panics", || std::panic::panic_any("as asked"));
    let nan = asked("nan", || Some(f64::NAN));
    let vitals = stack([panics, nan, error_rate()]).build().unwrap();
    requests(&vitals, "/", 500, 20);
    for round in 1..=3 {
        assert_eq!(vitals.alerts().evaluate().len(), 1);
        assert_eq!(firing(&vitals), ["failing"]);
        let failed = alert(&vitals, "panics").unwrap();
        assert_eq!(failed.state, AlertState::Error);
        assert_eq!(failed.error.as_deref(), Some("the signal panicked"));
        assert_eq!(alert(&vitals, "nan").unwrap().state, AlertState::NoData);
        let scrape = Exposition::of(&vitals);
        let outcome = |outcome| {
            let labels = [("outcome", outcome)];
            scrape.sum("vitals_alert_evaluations_total", &labels)
        };
        let all = ["success", "no_data", "error"].map(outcome);
        assert_eq!(all, [f64::from(round); 3]);
    }
}

/// A rule that waits until the other end is closed.
fn hanging() -> (Rule, mpsc::Sender<()>, Receiver<()>) {
    let (release, released) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    let (released, begun) = (Mutex::new(released), Mutex::new(begun));
    let rule = asked("hangs", move || {
        let _ = begun.lock().unwrap().send(());
        let _ = released.lock().unwrap().recv();
        Some(1.0)
    });
    (rule, release, begins)
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_hangs_holds_up_no_one_and_shows_in_health() {
    let health = Health::builder().manual("worker", Role::Critical);
    let health = health.start().unwrap();
    health.set("worker", Status::Healthy, None);
    let (rule, release, begins) = hanging();
    let alerts = tower_vitals::alerts::Alerts::none().rules([error_rate(), rule]);
    let vitals = builder()
        .alerts(alerts)
        .health(health.service())
        .build()
        .unwrap();
    let shown = |vitals: &Vitals| {
        let reports = health.reports();
        assert_eq!(
            health.status(),
            Status::Healthy,
            "readiness is another matter"
        );
        assert_eq!(vitals.alerts().firing(), []);
        let alerts = reports.into_iter().find(|check| *check.name == *"alerts");
        alerts.map(|check| (check.role, check.status, check.error.unwrap().to_string()))
    };
    assert_eq!(shown(&vitals), None);
    let evaluating = vitals.alerts();
    let thread = thread::spawn(move || evaluating.evaluate());
    begins.recv().unwrap();
    // Two intervals, and a little.
    time::advance(2 * MINUTE + Duration::from_secs(5)).await;
    assert_eq!(shown(&vitals), None);
    time::advance(Duration::from_secs(1)).await;
    let fault = "no rule was evaluated for 126s".to_owned();
    let wrong = (Role::Informational, Status::Unhealthy, fault);
    assert_eq!(shown(&vitals), Some(wrong));
    // The scrape and the requests go on.
    requests(&vitals, "/", 500, 20);
    assert_eq!(
        Exposition::of(&vitals).sum("http_requests_total", &[]),
        20.0
    );

    drop(release);
    thread.join().unwrap();
    assert_eq!(vitals.alerts().evaluate().len(), 2);
    let reports = health.reports();
    assert!(!reports.iter().any(|check| *check.name == *"alerts"));
}

/// A subscriber that waits until the other end is closed.
struct Hangs(Mutex<Receiver<()>>);

impl<S: Subscriber> Layer<S> for Hangs {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // The stack tells at the start what is on.
        if thread::current().name() == Some("vitals-alert-log") {
            let _ = self.0.lock().unwrap().recv();
        }
        let _ = event;
    }
}

#[test]
fn a_subscriber_that_hangs_costs_lines_and_no_evaluation() {
    let (release, released) = mpsc::channel();
    let subscriber = registry().with(Hangs(Mutex::new(released)));
    let subscriber = tracing::Dispatch::new(subscriber);
    let build = || stack([error_rate()]).build().unwrap();
    let vitals = tracing::dispatcher::with_default(&subscriber, build);
    requests(&vitals, "/", 500, 20);
    let alerts = vitals.alerts();
    // One is on its way, and 64 wait for it.
    for _ in 0..70 {
        assert_eq!(alerts.evaluate().len(), 1);
    }
    let dropped = vitals.metrics().totals().dropped(Sink::Log);
    assert!((5..=6).contains(&dropped), "{dropped}");
    drop(release);
}

#[test]
fn two_evaluations_at_once_measure_the_time_once() {
    let rule = error_rate().pending_for(MINUTE);
    let vitals = stack([rule]).build().unwrap();
    requests(&vitals, "/", 500, 20);
    let alerts = Arc::new(vitals.alerts());
    let threads = [(); 8].map(|()| {
        let alerts = Arc::clone(&alerts);
        thread::spawn(move || (0..50).for_each(|_| assert_eq!(alerts.evaluate(), [])))
    });
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let all = Exposition::of(&vitals).sum("vitals_alert_evaluations_total", &[]);
    assert_eq!(all, 400.0);
    assert_eq!(
        alert(&vitals, "failing").unwrap().state,
        AlertState::Pending
    );
}
