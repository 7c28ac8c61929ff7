//! What a wall clock that is set does to alerts.

use std::sync::Mutex;

use super::*;
use crate::{
    alerts::{
        running::{Host, Running},
        signal::Signal,
        silence::NewSilence,
        stored::Stored,
    },
    metrics,
    window::Moment,
};

/// A service whose clocks are set by hand.
struct Clocked {
    service: Mutex<Service>,
    clocks: Arc<Mutex<Moment>>,
}

impl Host for Clocked {
    fn at_once(&self, judge: &mut dyn FnMut(&dyn Numbers)) {
        judge(&*self.service.lock().unwrap());
    }

    fn clock(&self) -> Moment {
        *self.clocks.lock().unwrap()
    }

    fn keep(&self, _: Stored) {}
}

#[test]
fn a_wall_clock_that_is_set_back_lengthens_no_silence() {
    let clocks = Arc::new(Mutex::new(Moment {
        monotonic: HOUR,
        wall: BEGIN,
    }));
    let pass = |time: Duration| {
        let mut now = clocks.lock().unwrap();
        now.monotonic += time;
        now.wall += time;
        now.wall
    };
    let rule = Rule::new("a", Signal::in_flight()).above(1.0);
    let rules = Alerts::none().rule(rule.pending_for(Duration::ZERO));
    let host = Clocked {
        service: Mutex::new(Service::new()),
        clocks: Arc::clone(&clocks),
    };
    let metrics = metrics::Settings::new().isolated().unwrap();
    let running = Running::new(
        rules.checked().unwrap(),
        None,
        Box::new(host),
        None,
        &metrics,
    );
    running.evaluate();
    let fired_at = pass(MINUTE);
    let fingerprint = running.watch().engine().firing()[0].fingerprint;
    running.change(|watch, now| {
        assert_eq!(now, fired_at);
        let hour = NewSilence::of(HOUR).label("alert", "a");
        watch.engine().silences().add(hour, now).unwrap();
        watch.engine().acknowledge(fingerprint, "ada", now).unwrap();
    });
    let until = || running.watch().engine().silences().all()[0].until();

    // Two hours back. Whoever looks first sees times as the clock tells them now.
    clocks.lock().unwrap().wall -= 2 * HOUR;
    let now = pass(10 * MINUTE);
    assert_eq!(running.now(), now);
    assert_eq!(until(), WallTime::new(now + 50 * MINUTE));
    running.evaluate();
    let alert = running.watch().engine().firing().remove(0);
    assert!(alert.muted.is_some());
    assert_eq!(alert.since, WallTime::new(now - 11 * MINUTE));
    assert_eq!(alert.fired_at, Some(alert.since));
    assert_eq!(
        alert.acknowledged_at,
        Some(WallTime::new(now - 10 * MINUTE))
    );
    let last_step = running.watch().engine().last_step();
    assert_eq!(last_step, Some(now));
    {
        let engine = running.watch().engine();
        let history: Vec<_> = engine.history.lately(now, 12 * MINUTE).collect();
        assert_eq!(history[0].fired_at(), alert.since);
    }

    // Put right, and wrong again.
    clocks.lock().unwrap().wall += 2 * HOUR;
    let right = running.now();
    assert_eq!(until(), WallTime::new(right + 50 * MINUTE));
    clocks.lock().unwrap().wall -= 2 * HOUR;
    assert_eq!(running.now(), now);
    assert_eq!(until(), WallTime::new(now + 50 * MINUTE));

    let now = pass(49 * MINUTE);
    running.evaluate();
    assert_eq!(until(), WallTime::new(now + MINUTE));
    pass(MINUTE);
    running.evaluate();
    assert!(running.watch().engine().silences().all().is_empty());
    assert_eq!(running.watch().engine().firing()[0].muted, None);
}
