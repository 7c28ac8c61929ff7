//! Runs the thread before a server that breaks.

use std::sync::mpsc::RecvTimeoutError::Disconnected;

use super::*;
use crate::{
    fleet::{
        fake_server::{Behaviour, FakeServer},
        settings::Fleet,
    },
    metrics::Settings as MetricsSettings,
};

/// Longer than any thread needs.
const LONG: Duration = Duration::from_secs(60);

const TICK: Duration = Duration::from_millis(50);

fn metrics() -> Metrics {
    MetricsSettings::new().isolated().unwrap()
}

fn checked(url: &str, timeout: Duration) -> Checked {
    let fleet = Fleet::at(url).unwrap().instance("shop-1");
    fleet.timeout(timeout).checked().unwrap()
}

fn release() -> Release {
    let mut release = Release::new("1.4.2").environment("test");
    release.service = Some("shop".into());
    release
}

/// Says when a tick is over: the thread asks what it is to say of this instance at the beginning of each one.
fn ticks(running: &Running) -> Receiver<bool> {
    let (sender, ticks) = mpsc::channel();
    let sender = Mutex::new(sender);
    let weak = Arc::downgrade(&running.shared);
    running.describe(Box::new(move || {
        let connected = weak.upgrade().map(|shared| shared.metrics.fleet_is_up());
        let _ = sender.lock().unwrap().send(connected.unwrap_or_default());
        serde_json::json!({ "settings": "abc", "health": "healthy" })
    }));
    ticks
}

/// Waits for a tick after which Redis was reached, or not.
fn until(ticks: &Receiver<bool>, connected: bool) {
    while ticks.recv_timeout(LONG).unwrap() != connected {}
}

/// Whether the last write arrived.
fn is_up(running: &Running) -> bool {
    running.shared.metrics.fleet_is_up()
}

/// Waits until something is so.
fn wait(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

#[test]
fn an_instance_says_who_it_is_and_is_seen() {
    let server = FakeServer::start();
    let running = Running::start(
        checked(&server.url(), LONG.min(Duration::from_secs(10))),
        &release(),
        TICK,
        &metrics(),
    );
    let ticks = ticks(&running);
    until(&ticks, true);
    until(&ticks, true);
    assert!(is_up(&running));
    let view = running.view().unwrap();
    let instances = view.instances(&serde_json::json!({ "settings": "other" }));
    let [instance] = &instances[..] else {
        panic!("{instances:?}");
    };
    assert_eq!(instance.start, running.start_id());
    assert_eq!(instance.entry.id, "shop-1");
    assert_eq!(instance.entry.version.as_deref(), Some("1.4.2"));
    // The settings that most have are the usual ones, also for one that has others.
    assert!(!instance.other_settings && !instance.is_lost);
    drop(view);
    assert!(running.end(LONG));
    let view = running.view().unwrap();
    assert!(view.instances(&Value::Null)[0].entry.ended);
}

#[test]
fn slots_follow_the_clock_of_redis() {
    let server = FakeServer::start();
    let day = 24 * 3_600_000;
    server.runs_ahead(day);
    let running = Running::start(
        checked(&server.url(), Duration::from_secs(10)),
        &release(),
        TICK,
        &metrics(),
    );
    let ticks = ticks(&running);
    until(&ticks, true);
    let here = crate::timestamp::since_1970();
    let ahead = running.now().saturating_sub(here);
    let apart = ahead.abs_diff(Duration::from_millis(day));
    assert!(apart < Duration::from_secs(5), "{apart:?}");
    let view = running.view().unwrap();
    let entry = view.instances(&Value::Null)[0].entry.clone();
    let began = Duration::from_millis(entry.began);
    assert!(began > here + Duration::from_secs(3_600), "{began:?}");
}

#[test]
fn an_instance_goes_on_when_redis_is_gone_and_joins_again_by_itself() {
    let server = FakeServer::start();
    let metrics = metrics();
    let short = Duration::from_millis(200);
    let running = Running::start(checked(&server.url(), short), &release(), TICK, &metrics);
    for behaviour in [
        Behaviour::Hangs,
        Behaviour::Closes,
        Behaviour::Says("OOM command not allowed when used memory > 'maxmemory'."),
        Behaviour::Says("READONLY You can't write against a read only replica."),
        Behaviour::Says("LOADING Redis is loading the dataset in memory"),
        Behaviour::Says("NOAUTH Authentication required."),
        Behaviour::Says("WRONGPASS invalid username-password pair or user is disabled."),
        Behaviour::Says("MASTERDOWN Link with MASTER is down"),
        Behaviour::Says("ERR unknown command"),
    ] {
        wait(|| is_up(&running));
        server.behaves(behaviour);
        wait(|| !is_up(&running));
        assert!(matches!(
            running.view().map(|_| ()),
            Err(FleetError::Unreachable(_) | FleetError::Refused(_))
        ));
        // It comes back empty.
        server.redis(|redis| redis.flush());
        server.behaves(Behaviour::Works);
        wait(|| is_up(&running));
    }
    let [written, unreachable, timed_out, refused] = metrics.fleet_writes();
    assert!(written > 0 && unreachable > 0 && timed_out > 0 && refused > 0);
}

#[test]
fn the_thread_of_a_fleet_ends_at_once_with_the_last_handle() {
    let server = FakeServer::start();
    let running = Running::start(
        checked(&server.url(), Duration::from_secs(10)),
        &release(),
        LONG,
        &metrics(),
    );
    let clone = running.clone();
    let (sender, ended) = mpsc::channel::<()>();
    running.describe(Box::new(move || {
        let _ = &sender;
        Value::Null
    }));
    drop(running);
    assert!(ended.try_recv().is_err());
    drop(clone);
    // What the thread had is dropped with it.
    assert_eq!(ended.recv_timeout(LONG), Err(Disconnected));
}

#[test]
fn the_end_waits_no_longer_than_it_may_for_a_redis_that_hangs() {
    let server = FakeServer::start();
    server.behaves(Behaviour::Hangs);
    let running = Running::start(
        checked(&server.url(), Duration::from_secs(10)),
        &release(),
        TICK,
        &metrics(),
    );
    assert!(!running.end(Duration::from_millis(10)));
}

#[test]
fn a_fleet_tells_once_that_redis_is_gone_and_once_that_it_is_back() {
    let (sender, lines) = mpsc::channel();
    let subscriber = crate::fleet::heard::Heard::new(sender);
    let metrics = metrics();
    let server = FakeServer::start();
    let running = tracing::subscriber::with_default(subscriber, || {
        let checked = checked(&server.url(), Duration::from_millis(200));
        Running::start(checked, &release(), TICK, &metrics)
    });
    for round in 0..3 {
        wait(|| is_up(&running));
        server.behaves(Behaviour::Closes);
        // Many attempts fail.
        wait(|| metrics.fleet_writes()[1] >= 5 * (round + 1));
        server.behaves(Behaviour::Works);
        wait(|| is_up(&running));
    }
    drop(running);
    let mut heard = Vec::new();
    while heard.len() < 6 {
        heard.push(lines.recv_timeout(LONG).unwrap());
    }
    let expected = [
        "WARN Redis is gone: this instance counts alone",
        "INFO Redis is back: this instance counts with the fleet",
    ];
    assert_eq!(heard, expected.repeat(3));
}

#[test]
fn a_long_question_of_somebody_else_is_no_reason_to_evaluate_late() {
    let server = FakeServer::start();
    let running = Running::start(
        checked(&server.url(), Duration::from_secs(10)),
        &release(),
        TICK,
        &metrics(),
    );
    wait(|| is_up(&running));
    let question = running.view().unwrap();
    let (tell, told) = mpsc::channel();
    let alerts = running.clone();
    let evaluator = thread::spawn(move || {
        let view = alerts.view_for_alerts().unwrap();
        tell.send(view.instances(&Value::Null).len()).unwrap();
    });
    // The question goes on all the while.
    assert_eq!(told.recv_timeout(LONG), Ok(1));
    evaluator.join().unwrap();
    assert_eq!(question.instances(&Value::Null).len(), 1);
}
