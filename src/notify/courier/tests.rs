//! Tests with notifiers that hang, fail and panic. Each wait for something ends when it has happened.

use std::{
    io::{self, Write},
    panic::resume_unwind,
    sync::{
        LazyLock, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
};

use tracing::Dispatch;
use tracing_subscriber::{fmt::MakeWriter, registry};

use super::{
    super::{
        address::Address,
        http::{Client, Post},
        retry::Schedule,
        sink::{Sink, nobody},
    },
    *,
};
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
fn a_shutdown_ends_at_its_deadline_and_says_what_was_not_sent() {
    let metrics = metrics();
    let mut couriers = Vec::new();
    let mut kept = Vec::new();
    for _ in 0..5 {
        let (courier, begun, go_on) = hanging(&metrics);
        courier.send(named("hangs"));
        begun.recv_timeout(LONG).unwrap();
        (0..9).for_each(|one| _ = courier.send(named(one)));
        couriers.push(courier);
        kept.push((begun, go_on));
    }
    // One that waits for its next attempt has nothing to wait for.
    let hour = Some(Duration::from_secs(3_600));
    let (told, heard) = mpsc::channel();
    let busy = start(QUICK, &metrics, move |_, _| {
        told.send(()).unwrap();
        Err(later(hour))
    });
    busy.send(named("busy"));
    heard.recv_timeout(LONG).unwrap();
    couriers.push(busy);
    couriers.push(start(QUICK, &metrics, |_, _| Ok(())));
    couriers[6].send(named("works"));
    settled(&couriers[6]);

    let timeout = Duration::from_millis(400);
    let began = Instant::now();
    assert_eq!(Courier::end_all(&couriers, timeout), 51);
    // Seven deadlines one after the other would be 2.8 s.
    assert!(began.elapsed() < timeout * 4, "{:?}", began.elapsed());
    assert_eq!(counted(&metrics), [1, 51, 0, 0]);
    for courier in &couriers {
        let accounts = courier.accounts();
        assert_eq!(accounts.pending, 0);
        assert_eq!(accounts.enqueued, accounts.sent + accounts.lost());
        courier.send(named("late"));
    }
    assert_eq!(counted(&metrics), [1, 58, 0, 0]);
    // Those that hang go on: that changes nothing any more.
    drop(kept);
    drop(couriers);
    assert_eq!(counted(&metrics), [1, 58, 0, 0]);
}

#[test]
fn a_deadline_can_only_be_brought_forward() {
    let metrics = metrics();
    let (courier, begun, _go_on) = hanging(&metrics);
    courier.send(named("a"));
    begun.recv_timeout(LONG).unwrap();
    let began = Instant::now();
    courier.mailbox.close(began + LONG * 10);
    courier.mailbox.close(began + Duration::from_millis(100));
    assert_eq!(courier.end(began + LONG * 10), 1);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

#[test]
fn a_shutdown_does_not_wait_for_what_cannot_be_sent_in_time() {
    let metrics = metrics();
    let every = LONG * 100;
    let (told, heard) = mpsc::channel();
    let slow = start(Terms { every, ..QUICK }, &metrics, move |_, _| {
        told.send(()).unwrap();
        Ok(())
    });
    slow.send(named("a"));
    heard.recv_timeout(LONG).unwrap();
    slow.send(named("b"));
    let (told, heard) = mpsc::channel();
    let busy = start(QUICK, &metrics, move |_, _| {
        told.send(()).unwrap();
        Err(later(Some(every)))
    });
    busy.send(named("c"));
    heard.recv_timeout(LONG).unwrap();
    let began = Instant::now();
    // A notifier that asked for a pause has it, and the pace of another one is over.
    assert_eq!(Courier::end_all(&[slow, busy], LONG * 2), 1);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    assert_eq!(counted(&metrics), [2, 1, 0, 0]);
}

#[test]
fn a_shutdown_sends_what_waits_and_waits_no_longer_than_for_that() {
    let metrics = metrics();
    let (go_on, stop) = mpsc::channel();
    let (told, timeouts) = mpsc::channel();
    let courier = start(QUICK, &metrics, move |names, timeout| {
        told.send((names.len(), timeout)).unwrap();
        stop.recv().unwrap();
        Ok(())
    });
    courier.send(named("a"));
    timeouts.recv_timeout(LONG).unwrap();
    (0..20).for_each(|one| _ = courier.send(named(one)));
    courier
        .mailbox
        .close(Instant::now() + Duration::from_secs(4));
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(Courier::end_all(&[courier], LONG * 100), 0);
    let (many, timeout) = timeouts.recv().unwrap();
    assert_eq!(many, 20);
    assert!(
        timeout < Duration::from_secs(4),
        "no attempt is longer than what is left"
    );
    assert_eq!(counted(&metrics), [21, 0, 0, 0]);
}

#[test]
fn a_courier_that_is_dropped_ends_its_thread_and_counts_what_waits() {
    let metrics = metrics();
    let (courier, begun, go_on) = hanging(&metrics);
    courier.send(named("a"));
    begun.recv_timeout(LONG).unwrap();
    courier.send(named("b"));
    drop(courier);
    assert_eq!(counted(&metrics), [0, 2, 0, 0]);
    go_on.send(()).unwrap();
    // The notifier, and with it the other end, is dropped with the thread.
    assert!(begun.recv_timeout(LONG).is_err());
    assert_eq!(counted(&metrics), [0, 2, 0, 0]);
}

/// Keeps each line.
#[derive(Clone)]
struct Lines(Sender<String>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let _ = self.0.send(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that a courier that `start` starts writes, at the level TRACE.
fn logged<R>(start: impl FnOnce() -> R) -> (R, Receiver<String>) {
    let (lines, written) = mpsc::channel();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_ansi(false)
        .with_writer(Lines(lines))
        .finish();
    (
        tracing::subscriber::with_default(subscriber, start),
        written,
    )
}

#[test]
fn a_series_of_failures_is_one_line_and_its_end_another() {
    let metrics = metrics();
    let (courier, written) = logged(|| {
        start(QUICK, &metrics, |names, _| match names[0].as_str() {
            "later" => Err(later(None)),
            "refused" => Err(NotifyError::Refused {
                text: format!("no\n{}", "x".repeat(1_000)),
            }),
            "panics" => resume_unwind(Box::new("the notifier")),
            _ => Ok(()),
        })
    });
    let fine = "fine";
    for name in [
        fine, "later", "refused", "panics", fine, fine, "refused", fine,
    ] {
        courier.send(named(name));
        settled(&courier);
    }
    drop(courier);
    let written: Vec<_> = written.iter().collect();
    let long = format!(r#""no\\n{}…""#, "x".repeat(249));
    let fails = |error: &str| {
        format!(r#" WARN tower_vitals: a notifier fails notifier="calls" error={error}"#)
    };
    let works = r#" INFO tower_vitals: a notifier works again notifier="calls""#;
    assert_eq!(written, [&fails(r#""busy""#), works, &fails(&long), works]);
}

#[test]
fn a_subscriber_that_hangs_holds_up_no_notification() {
    struct Hanging(Receiver<()>);

    impl Write for Hanging {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let metrics = metrics();
    let (_go_on, stop) = mpsc::channel();
    let hanging = Mutex::new(Hanging(stop));
    let subscriber = tracing_subscriber::fmt().with_writer(hanging).finish();
    let courier = tracing::subscriber::with_default(subscriber, || {
        start(QUICK, &metrics, |names, _| match names[0].as_str() {
            "refused" => Err(refused()),
            _ => Ok(()),
        })
    });
    for name in ["refused", "fine", "refused", "fine"] {
        courier.send(named(name));
        settled(&courier);
    }
    assert_eq!(counted(&metrics), [2, 0, 2, 0]);
}

/// Posts the names of notifications.
struct Hook {
    client: Client,
    address: Address,
}

fn start_hook(hook: Arc<Hook>, terms: Terms, metrics: &Metrics) -> Result<Courier, ConfigError> {
    Courier::start("calls".into(), hook, terms, metrics)
}

impl Hook {
    fn to(url: &str) -> Arc<Self> {
        Arc::new(Self {
            client: Client::new(),
            address: Address::parse("hook", url).unwrap(),
        })
    }
}

impl Notifier for Hook {
    fn name(&self) -> &str {
        "calls"
    }

    fn notify(&self, notifications: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let body = serde_json::to_vec(notifications).unwrap();
        let post = Post {
            address: &self.address,
            headers: &[],
            body: &body,
        };
        self.client.post(post, timeout).map(|_| ())
    }
}

#[test]
fn a_message_that_was_taken_without_an_answer_is_sent_again_with_the_same_bytes() {
    let metrics = metrics();
    let sink = Sink::start(|mut stream, number| match number {
        0 => std::mem::forget(stream),
        1 => drop(stream),
        _ => stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap(),
    });
    let attempt = Duration::from_millis(500);
    let terms = Terms { attempt, ..QUICK };
    let courier = start_hook(Hook::to(&sink.url("/hook")), terms, &metrics).unwrap();
    courier.send(Notification {
        severity: AlertSeverity::Warning,
        ..named("a")
    });
    let accounts = settled(&courier);
    assert_eq!(accounts.sent, 1);
    let requests = sink.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].ends_with(b"}]"));
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[test]
fn a_sink_that_asks_for_a_pause_has_it() {
    let metrics = metrics();
    let sink = Sink::start(|mut stream, number| {
        let answer = match number {
            0 => "HTTP/1.1 429 No\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let courier = start_hook(Hook::to(&sink.url("/hook")), QUICK, &metrics).unwrap();
    let began = Instant::now();
    courier.send(named("a"));
    assert_eq!(settled(&courier).sent, 1);
    assert_eq!(sink.connections(), 2);
    // The pause is a promise, so this is no measurement of speed.
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_sink_that_asks_for_a_pause_has_it_also_from_the_next_message() {
    let metrics = metrics();
    let pause = Duration::from_millis(500);
    let schedule = Schedule {
        attempts: 1,
        ..QUICK.schedule
    };
    let (told, heard) = mpsc::channel();
    let courier = start(Terms { schedule, ..QUICK }, &metrics, move |_, _| {
        told.send(()).unwrap();
        Err(later(Some(pause)))
    });
    let began = Instant::now();
    courier.send(named("a"));
    heard.recv_timeout(LONG).unwrap();
    courier.send(named("b"));
    heard.recv_timeout(LONG).unwrap();
    assert!(began.elapsed() >= pause);
    settled(&courier);
    assert_eq!(counted(&metrics), [0, 0, 0, 2]);
}

#[test]
fn nothing_that_is_logged_counted_or_shown_has_the_address() {
    let metrics = metrics();
    let answers = |answer: &str| {
        let answer = answer.to_owned();
        Sink::answering(answer).url("/sentinel?key=sentinel")
    };
    let urls = [
        format!("http://{}/sentinel", nobody()),
        format!("https://{}/sentinel", nobody()),
        answers(""),
        answers("sentinel"),
        answers("HTTP/1.1 302 sentinel\r\nlocation: /sentinel\r\ncontent-length: 0\r\n\r\n"),
        answers("HTTP/1.1 404 sentinel\r\ncontent-length: 8\r\n\r\nsentinel"),
        answers("HTTP/1.1 500 sentinel\r\ncontent-length: 8\r\n\r\nsentinel"),
        answers("HTTP/1.1 200 sentinel\r\nsentinel: sentinel\r\ncontent-length: 0\r\n\r\n"),
    ];
    let mut lines = Vec::new();
    for url in &urls {
        let start = || start_hook(Hook::to(url), QUICK, &metrics).unwrap();
        let (courier, written) = logged(start);
        courier.send(named("a"));
        settled(&courier);
        lines.push(format!("{courier:?}"));
        assert_eq!(courier.end(Instant::now() + LONG), 0);
        drop(courier);
        lines.extend(written.iter());
    }
    let fails = lines
        .iter()
        .filter(|line| line.contains("a notifier fails"));
    assert_eq!(fails.count(), 7);
    let shown = format!("{lines:?} {:?}", metrics.snapshot());
    assert!(!shown.contains("sentinel"), "{shown}");
}

#[test]
fn the_terms_are_ten_seconds_and_one_message_a_second() {
    let terms = Terms::DEFAULT;
    assert_eq!(terms.attempt, Duration::from_secs(10));
    assert_eq!(terms.every, Duration::from_secs(1));
}

#[test]
fn a_test_has_one_attempt_and_its_end_is_told() {
    let metrics = metrics();
    let mut answers = vec![
        Err(NotifyError::Refused {
            text: "no".to_owned(),
        }),
        Err(NotifyError::Later {
            text: "busy".to_owned(),
            after: None,
        }),
        Ok(()),
    ];
    let courier = start(QUICK, &metrics, move |_, _| answers.pop().unwrap());
    for expected in [Ok(()), Err("busy"), Err("no")] {
        let end = courier
            .try_out(named("test"), Instant::now() + LONG)
            .recv_timeout(LONG)
            .unwrap();
        let end = end.map_err(|error| error.to_string());
        assert_eq!(end, expected.map_err(str::to_owned));
    }
    assert_eq!(courier.end(Instant::now() + LONG), 0);
    assert_eq!(counted(&metrics), [1, 0, 1, 1]);
    let late = courier.try_out(named("test"), Instant::now() + LONG);
    assert!(late.recv_timeout(LONG).is_err(), "it has ended");
}

#[test]
fn a_test_comes_before_what_waits_and_few_wait() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let (go_on, stop) = mpsc::channel::<()>();
    let courier = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        let _ = stop.recv();
        Ok(())
    });
    courier.send(named("a"));
    heard.recv_timeout(LONG).unwrap();
    courier.send(named("b"));
    let ends: Vec<_> = (0..10)
        .map(|_| courier.try_out(named("test"), Instant::now() + LONG))
        .collect();
    drop(go_on);
    let ended = ends.iter().map(|end| end.recv_timeout(LONG).is_ok());
    assert_eq!(ended.filter(|ended| *ended).count(), 4);
    let order: Vec<_> = (0..5).map(|_| heard.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(order.concat(), ["test", "test", "test", "test", "b"]);
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

#[test]
fn a_test_is_sent_while_a_message_waits_for_its_next_attempt() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let slow = Terms {
        schedule: Schedule {
            pause: LONG * 10,
            ..Schedule::DEFAULT
        },
        ..QUICK
    };
    let courier = start(slow, &metrics, move |names, _| {
        told.send(names.clone()).unwrap();
        match names[0].as_str() {
            "test" => Ok(()),
            _ => Err(NotifyError::Later {
                text: "busy".to_owned(),
                after: None,
            }),
        }
    });
    courier.send(named("a"));
    assert_eq!(heard.recv_timeout(LONG).unwrap(), ["a"]);
    let until = Instant::now() + LONG;
    let end = courier.try_out(named("test"), until);
    assert_eq!(end.recv_timeout(LONG).unwrap(), Ok(()));
    // Nobody waits for this one any more.
    let late = courier.try_out(named("test"), Instant::now());
    assert!(late.recv_timeout(LONG).is_err());
    assert_eq!(heard.try_iter().count(), 1);
}

#[test]
fn at_the_end_messages_are_not_paced() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let paced = Terms {
        every: LONG * 10,
        ..QUICK
    };
    let names = ["a", "b", "c"];
    let notifier = Calls(Mutex::new(move |names: Vec<String>, _| {
        told.send(names).unwrap();
        Ok(())
    }));
    let one = OneAtOnce(notifier);
    let courier = Courier::start("calls".into(), Arc::new(one), paced, &metrics).unwrap();
    for name in names {
        courier.send(named(name));
    }
    assert_eq!(courier.end(Instant::now() + LONG), 0);
    let told: Vec<_> = heard.try_iter().flatten().collect();
    assert_eq!(told, names);
}

/// Takes one notification in a message.
struct OneAtOnce<N>(N);

impl<N: Notifier> Notifier for OneAtOnce<N> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        self.0.notify(all, timeout)
    }

    fn at_once(&self) -> usize {
        1
    }
}
