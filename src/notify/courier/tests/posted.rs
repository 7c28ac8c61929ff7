//! Tells servers on loopback sockets.

use std::io::Write;

use super::{
    super::super::{
        address::Address,
        http::{Client, Post},
        sink::{Sink, nobody},
    },
    logged::logged,
    *,
};

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
