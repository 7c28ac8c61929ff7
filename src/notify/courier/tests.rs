//! Tests with notifiers that hang, fail and panic. Each wait for something ends when it has happened.

mod logged;
mod posted;
mod shutdown;
mod trials;

use std::{
    panic::resume_unwind,
    sync::{
        LazyLock, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
};

use tracing::Dispatch;
use tracing_subscriber::registry;

use super::{super::retry::Schedule, *};
use crate::{alerts::AlertSeverity, metrics::Settings};

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

/// Without pauses that a test would wait for.
const QUICK: Terms = Terms {
    attempt: Duration::from_secs(5),
    every: Duration::ZERO,
    schedule: Schedule {
        pause: Duration::from_millis(1),
        ..Schedule::DEFAULT
    },
};

/// Calls a closure for each message, with the names of its notifications.
struct Calls<F>(Mutex<F>);

impl<F: FnMut(Vec<String>, Duration) -> Result<(), NotifyError> + Send> Notifier for Calls<F> {
    fn name(&self) -> &str {
        "calls"
    }

    fn notify(&self, notifications: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let names = notifications.iter().map(|one| one.name.clone());
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(names.collect(), timeout)
    }
}

fn start(
    terms: Terms,
    metrics: &Metrics,
    notify: impl FnMut(Vec<String>, Duration) -> Result<(), NotifyError> + Send + 'static,
) -> Courier {
    Courier::start(
        "calls".into(),
        Arc::new(Calls(Mutex::new(notify))),
        terms,
        metrics,
    )
    .unwrap()
}

/// Wants every event, and gets none. Without it, an event that is written for the first time while a subscriber is made can be
/// taken for one that nobody wants.
static INTERESTED: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(registry()));

fn metrics() -> Metrics {
    LazyLock::force(&INTERESTED);
    Settings::new().isolated().unwrap()
}

fn named(name: impl ToString) -> Notification {
    Notification {
        name: name.to_string(),
        ..Notification::example()
    }
}

fn later(after: Option<Duration>) -> NotifyError {
    let text = "busy".to_owned();
    NotifyError::Later { text, after }
}

fn refused() -> NotifyError {
    let text = "no".to_owned();
    NotifyError::Refused { text }
}

/// A notifier that hangs until the end of the test, and says when it begins to.
fn hanging(metrics: &Metrics) -> (Courier, Receiver<()>, Sender<()>) {
    let (begun, hangs) = mpsc::channel();
    let (go_on, stop) = mpsc::channel();
    let courier = start(QUICK, metrics, move |_, _| {
        begun.send(()).unwrap();
        let _ = stop.recv();
        Ok(())
    });
    (courier, hangs, go_on)
}

/// Waits until everything has an end.
fn settled(courier: &Courier) -> Accounts {
    assert_eq!(courier.flush(Instant::now() + LONG), 0);
    courier.accounts()
}

fn counted(metrics: &Metrics) -> [u64; 4] {
    metrics.notifications("calls").unwrap()
}

#[test]
fn a_notification_arrives_once() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let courier = start(QUICK, &metrics, move |names, timeout| {
        told.send((names, timeout)).unwrap();
        Ok(())
    });
    assert_eq!(counted(&metrics), [0; 4], "there before the first one");
    courier.send(named("a"));
    let message = heard.recv_timeout(LONG).unwrap();
    assert_eq!(message, (vec!["a".to_owned()], QUICK.attempt));
    assert_eq!(courier.end(Instant::now() + LONG), 0);
    let accounts = Accounts {
        enqueued: 1,
        sent: 1,
        ..Accounts::default()
    };
    assert_eq!(courier.accounts(), accounts);
    assert_eq!(counted(&metrics), [1, 0, 0, 0]);
    assert!(heard.recv().is_err(), "the thread has ended");
}

#[test]
fn a_message_is_tried_five_times_and_then_the_next_one() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let courier = start(QUICK, &metrics, move |names, _| {
        let fails = names == ["a"];
        told.send(names).unwrap();
        if fails { Err(later(None)) } else { Ok(()) }
    });
    courier.send(named("a"));
    for _ in 0..5 {
        assert_eq!(heard.recv_timeout(LONG).unwrap(), ["a"]);
    }
    courier.send(named("b"));
    assert_eq!(heard.recv_timeout(LONG).unwrap(), ["b"]);
    settled(&courier);
    assert_eq!(counted(&metrics), [1, 0, 0, 1]);
}

#[test]
fn a_message_that_is_refused_is_tried_once() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let courier = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        Err(refused())
    });
    courier.send(named("a"));
    courier.send(named("b"));
    settled(&courier);
    drop(courier);
    let heard: Vec<_> = heard.iter().flatten().collect();
    assert_eq!(heard, ["a", "b"]);
    assert_eq!(counted(&metrics), [0, 0, 2, 0]);
}

#[test]
fn a_panic_costs_one_message() {
    let metrics = metrics();
    let courier = start(QUICK, &metrics, |names, _| {
        if names.contains(&"a".to_owned()) {
            resume_unwind(Box::new("the notifier"));
        }
        Ok(())
    });
    courier.send(named("a"));
    settled(&courier);
    courier.send(named("b"));
    settled(&courier);
    assert_eq!(counted(&metrics), [1, 0, 1, 0]);
}

#[test]
fn what_comes_while_a_notifier_is_told_is_joined_and_messages_keep_their_distance() {
    let metrics = metrics();
    let every = Duration::from_millis(300);
    let (told, heard) = mpsc::channel();
    let (go_on, stop) = mpsc::channel::<()>();
    let courier = start(Terms { every, ..QUICK }, &metrics, move |names, _| {
        told.send((names, Instant::now())).unwrap();
        let _ = stop.recv();
        Ok(())
    });
    let began = Instant::now();
    courier.send(named("first"));
    heard.recv_timeout(LONG).unwrap();
    (0..25).for_each(|one| _ = courier.send(named(one)));
    drop(go_on);
    let (names, second) = heard.recv_timeout(LONG).unwrap();
    let (rest, third) = heard.recv_timeout(LONG).unwrap();
    assert_eq!((names.len(), rest.len()), (20, 5));
    // The distance is a promise: this is no measurement of speed.
    assert!(second >= began + every && third >= began + every * 2);
}

#[test]
fn ten_thousand_notifications_while_a_notifier_is_down_cost_the_oldest_ones() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let (is_up, up) = mpsc::channel();
    let mut down = true;
    let courier = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        if down {
            up.recv().unwrap();
            down = false;
            return Err(later(None));
        }
        Ok(())
    });
    courier.send(named("first"));
    assert_eq!(heard.recv_timeout(LONG).unwrap(), ["first"]);
    (0..10_000).for_each(|one| _ = courier.send(named(one)));
    let accounts = courier.accounts();
    let expected = Accounts {
        enqueued: 10_001,
        dropped: 9_744,
        pending: 257,
        ..Accounts::default()
    };
    assert_eq!(accounts, expected);
    is_up.send(()).unwrap();
    let accounts = settled(&courier);
    assert_eq!((accounts.sent, accounts.lost()), (257, 9_744));
    assert_eq!(counted(&metrics), [257, 9_744, 0, 0]);
    drop(courier);
    let messages: Vec<_> = heard.iter().collect();
    assert_eq!(messages[0], ["first"], "it is tried again");
    let newest: Vec<_> = (9_744..10_000).map(|one| one.to_string()).collect();
    assert_eq!(messages[1..].concat(), newest);
    assert_eq!(messages[1..].len(), 13);
}

#[test]
fn a_notifier_that_hangs_holds_up_no_other() {
    let metrics = metrics();
    let (hangs, begun, _go_on) = hanging(&metrics);
    let (told, heard) = mpsc::channel();
    let works = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        Ok(())
    });
    hangs.send(named("a"));
    begun.recv_timeout(LONG).unwrap();
    for one in 0..10_000 {
        hangs.send(named(one));
    }
    for one in 0..100 {
        works.send(named(one));
        assert_eq!(heard.recv_timeout(LONG).unwrap(), [one.to_string()]);
    }
    assert_eq!(hangs.accounts().sent, 0);
}

#[test]
fn the_terms_are_ten_seconds_and_one_message_a_second() {
    let terms = Terms::DEFAULT;
    assert_eq!(terms.attempt, Duration::from_secs(10));
    assert_eq!(terms.every, Duration::from_secs(1));
}

#[test]
fn a_newer_state_takes_the_place_of_an_older_one_that_waits() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let (go_on, stop) = mpsc::channel::<()>();
    let courier = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        let _ = stop.recv();
        Ok(())
    });
    let state = |name: &str| {
        let mut one = named(name);
        one.fingerprint = "f85a8fde4ff0f4c0".parse().ok();
        one
    };
    courier.send_state(vec![state("first")]);
    heard.recv_timeout(LONG).unwrap();
    courier.send_state(vec![state("second"), state("too")]);
    let mut said = named("said");
    said.fingerprint = None;
    courier.send(said);
    courier.send_state(vec![state("third")]);
    drop(go_on);
    assert_eq!(heard.recv_timeout(LONG).unwrap(), ["said", "third"]);
    let accounts = settled(&courier);
    let expected = Accounts {
        enqueued: 5,
        sent: 3,
        dropped: 2,
        ..Accounts::default()
    };
    assert_eq!(accounts, expected);
}
