//! Tests with servers on loopback sockets that do what a client must not trust.

use std::{
    env,
    io::{self, Write},
    net::TcpStream,
    process::Command,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use super::{
    super::sink::{Sink, nobody},
    *,
};

/// In time for everything that answers, on a machine that is busy.
const LONG: Duration = Duration::from_secs(20);

/// For a server that never answers.
const SHORT: Duration = Duration::from_millis(200);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn address(url: &str) -> Address {
    Address::parse("hook", url).unwrap()
}

fn post(url: &str, timeout: Duration) -> Result<Answer, NotifyError> {
    let address = address(url);
    let post = Post {
        address: &address,
        headers: &[],
        body: b"the message",
    };
    let began = Instant::now();
    let answer = Client::new().post(post, timeout);
    // An attempt has an end. A machine that is busy can be late.
    assert!(began.elapsed() < timeout + LONG, "{:?}", began.elapsed());
    answer
}

/// The text of an error that is worth another attempt.
fn later(answer: Result<Answer, NotifyError>) -> String {
    match answer.unwrap_err() {
        NotifyError::Later { text, after: None } => text,
        other => panic!("{other:?}"),
    }
}

fn forever(stream: TcpStream) {
    // It stays open as long as the test runs.
    std::mem::forget(stream);
}

#[test]
fn a_message_arrives_with_its_headers_and_bytes() {
    let sink = Sink::answering(OK);
    let address = address(&sink.url("/services/T0/B0?a=b"));
    let headers = [(
        header::AUTHORIZATION,
        HeaderValue::from_static("Bearer key"),
    )];
    let post = Post {
        address: &address,
        headers: &headers,
        body: b"{\"text\":\"\xff\"}",
    };
    let answer = Client::new().post(post, LONG).unwrap();
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]));
    let requests = sink.requests();
    let text = String::from_utf8_lossy(&requests[0]);
    assert!(
        text.starts_with("POST /services/T0/B0?a=b HTTP/1.1\r\n"),
        "{text}"
    );
    assert!(text.contains("authorization: Bearer key\r\n"), "{text}");
    assert!(text.contains("content-length: 12\r\n"), "{text}");
    assert!(text.contains("user-agent: tower-vitals/"), "{text}");
    assert!(
        requests[0].ends_with(b"\r\n\r\n{\"text\":\"\xff\"}"),
        "{text}"
    );
}

#[test]
fn nobody_who_listens_is_worth_another_attempt() {
    let text = later(post(&format!("http://{}/hook", nobody()), LONG));
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn a_connection_that_ends_early_is_worth_another_attempt() {
    let reset = Sink::start(|stream, _| drop(stream));
    later(post(&reset.url("/"), LONG));
    let half = Sink::answering("HTTP/1.1 200 OK\r\ncontent-le");
    later(post(&half.url("/"), LONG));
    let garbage = Sink::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n");
    later(post(&garbage.url("/"), LONG));
}

#[tokio::test]
async fn an_attempt_ends_at_its_deadline_where_no_connection_is_taken() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let full = tokio::task::spawn_blocking(move || {
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&at, SHORT) {
            waiting.push(stream);
            assert!(waiting.len() < 100, "the queue of connections never fills");
        }
        let text = later(post(&format!("http://{at}/"), SHORT));
        assert_eq!(text, "no answer within 200ms");
        waiting
    });
    full.await.unwrap();
}

#[test]
fn an_attempt_ends_at_its_deadline_where_nothing_is_answered() {
    let silent = Sink::start(|stream, _| forever(stream));
    let text = later(post(&silent.url("/"), SHORT));
    assert_eq!(text, "no answer within 200ms");
    let in_the_head = Sink::start(|mut stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").unwrap();
        forever(stream);
    });
    later(post(&in_the_head.url("/"), SHORT));
    let drips = Sink::start(|mut stream, _| {
        for byte in b"HTTP/1.1 200 OK\r\n".iter().chain([b'x'; 5_000].iter()) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let text = later(post(&drips.url("/"), SHORT));
    assert_eq!(text, "no answer within 200ms");
}

#[test]
fn a_status_says_that_a_message_arrived_whatever_becomes_of_the_body() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc";
    let hangs = Sink::start(|mut stream, _| {
        stream.write_all(HEAD).unwrap();
        forever(stream);
    });
    let answer = post(&hangs.url("/"), Duration::from_secs(1)).unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let ends = Sink::answering(HEAD);
    assert_eq!(post(&ends.url("/"), LONG).unwrap().body, b"abc");
}

#[test]
fn no_more_than_64_kib_of_an_answer_are_read() {
    let written = Arc::new(Mutex::new(0));
    let endless = |head: &'static str| {
        let written = Arc::clone(&written);
        Sink::start(move |mut stream, _| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[b'a'; 4_096]).is_ok() {
                *written.lock().unwrap() += 4_096;
            }
        })
    };
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10000000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f",
    ] {
        let answer = post(&endless(head).url("/"), LONG).unwrap();
        assert!(answer.body.len() <= LONGEST, "{head}");
        assert!(answer.body.capacity() < 1 << 20, "{head}");
    }
    let head = "HTTP/1.1 500 No\r\ncontent-length: 10000000000000\r\n\r\n";
    let text = later(post(&endless(head).url("/"), LONG));
    assert_eq!(text, "answered 500");
    // What is in the buffers of both sockets was written, too.
    assert!(*written.lock().unwrap() < 64 << 20);
}

#[test]
fn a_compressed_answer_is_not_unpacked_beyond_the_limit() {
    use flate2::{Compression, write::GzEncoder};

    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![0; 50 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    let length = packed.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    let bomb = Sink::answering([head.as_bytes(), &packed].concat());
    let answer = post(&bomb.url("/"), LONG).unwrap();
    assert!(answer.body.len() <= LONGEST);
}

#[test]
fn a_head_that_is_too_large_or_no_text_costs_one_attempt() {
    let many: String = (0..10_000).map(|n| format!("x-{n}: a\r\n")).collect();
    let long = format!("x: {}\r\n", "a".repeat(1 << 20));
    for headers in [many, long, "x\u{0}y: a\r\n".to_owned()] {
        let sink = Sink::answering(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
        let text = later(post(&sink.url("/"), LONG));
        assert!(text.len() <= 256, "{text}");
    }
    let endless = Sink::start(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x: a\r\n").is_ok() {}
    });
    later(post(&endless.url("/"), LONG));
    let invalid = b"HTTP/1.1 400 \xff\xfe\r\nx: \xff\r\ncontent-length: 3\r\n\r\n\xff\xfe\xfd";
    let error = post(&Sink::answering(*invalid).url("/"), LONG).unwrap_err();
    let (NotifyError::Later { text, .. } | NotifyError::Refused { text }) = error;
    assert!(text.len() <= 256 && text.is_ascii(), "{text:?}");
}

#[test]
fn redirects_are_not_followed() {
    let second = Sink::answering(OK);
    for status in [301, 302, 303, 307, 308] {
        for location in [second.url("/"), "file:///etc/passwd".to_owned()] {
            let first = Sink::answering(format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            ));
            let text = format!("answered {status}, and redirects are not followed");
            let refused = NotifyError::Refused { text };
            assert_eq!(post(&first.url("/"), LONG).unwrap_err(), refused);
            assert_eq!(first.connections(), 1);
        }
    }
    assert_eq!(second.connections(), 0);
}

#[test]
fn an_answer_is_judged_by_its_status_and_its_pause() {
    let judged = |status: u16, after: &str, body: &str| {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Status\r\nretry-after: {after}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        post(&Sink::answering(answer).url("/hook"), LONG).map(|answer| answer.status.as_u16())
    };
    let later = |text: &str, after| {
        let (text, after) = (text.to_owned(), after);
        Err(NotifyError::Later { text, after })
    };
    let refused = |text: &str| {
        let text = text.to_owned();
        Err(NotifyError::Refused { text })
    };
    assert_eq!(judged(202, "5", "ok"), Ok(202));
    let five = Some(Duration::from_secs(5));
    assert_eq!(
        judged(429, "5", "rate_limited\n"),
        later("answered 429: rate_limited", five)
    );
    assert_eq!(
        judged(503, "soon", "<html>busy</html>"),
        later("answered 503", None)
    );
    assert_eq!(judged(500, "-1", ""), later("answered 500", None));
    assert_eq!(
        judged(400, "5", "invalid_payload"),
        refused("answered 400: invalid_payload")
    );
    assert_eq!(judged(404, "", "no\nservice"), refused("answered 404"));
    assert_eq!(
        judged(400, "", "hook"),
        refused("answered 400"),
        "it is in the address"
    );
    assert_eq!(
        judged(400, "", "message"),
        refused("answered 400"),
        "it is in the body"
    );
}

#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    const VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    const CHILD: &str = "TOWER_VITALS_TEST_HAS_PROXY";
    let sink = Sink::answering(OK);
    if env::var_os(CHILD).is_some() {
        post(&sink.url("/"), LONG).unwrap();
        assert_eq!(sink.connections(), 1);
        return;
    }
    // The variables are for this test alone, so it runs once more in a process of its own.
    let proxy = Sink::answering("HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n");
    let mut child = Command::new(env::current_exe().unwrap());
    let name = "notify::http::tests::a_proxy_of_the_environment_is_not_asked";
    child.args(["--exact", name]).env(CHILD, "1");
    child.envs(VARIABLES.map(|variable| (variable, proxy.url(""))));
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert_eq!(proxy.connections(), 0);
}

/// All that was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Gives what libraries log through crate `log` to the subscriber of the thread, as `tracing_log::LogTracer` does.
struct Bridge;

impl log::Log for Bridge {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        tracing::trace!(target: "log", "{}", record.args());
    }

    fn flush(&self) {}
}

#[test]
fn no_log_no_error_and_no_debug_shows_the_address_or_what_is_sent() {
    static BRIDGE: OnceLock<()> = OnceLock::new();
    BRIDGE.get_or_init(|| {
        log::set_logger(&Bridge).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    let echo = |status: &'static str| {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: /sentinel/path\r\nx-echo: sentinel\r\ncontent-length: 8\r\n\r\nsentinel"
        );
        Sink::answering(answer)
    };
    let sinks: Vec<_> = ["200 OK", "302 Found", "404 No", "429 No", "500 No"]
        .map(echo)
        .into();
    let silent = Sink::start(|stream, _| forever(stream));
    let reset = Sink::start(|stream, _| drop(stream));
    let path = "/sentinel/path?key=sentinel";
    let mut urls: Vec<_> = sinks.iter().map(|sink| sink.url(path)).collect();
    urls.extend([silent.url(path), reset.url(path)]);
    urls.push(format!("http://{}{path}", nobody()));
    // No TLS, and no such name.
    urls.push(format!("https://{}{path}", sinks[0].at));
    urls.push(format!("https://sentinel.invalid{path}"));

    let logged = Logged::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(logged.clone())
        .finish();
    let mut shown = tracing::subscriber::with_default(subscriber, || {
        log::trace!("the log is heard");
        let mut shown = String::new();
        for url in &urls {
            let address = address(url);
            let client = Client::new();
            let headers = [(header::AUTHORIZATION, HeaderValue::from_static("sentinel"))];
            let post = Post {
                address: &address,
                headers: &headers,
                body: b"sentinel",
            };
            let answer = client.post(post, Duration::from_secs(2));
            shown += &format!("{client:?} {address:?} {answer:?}\n");
            if let Err(error) = answer {
                shown += &format!("{error}\n");
            }
        }
        shown
    });
    let logged = logged.0.lock().unwrap();
    shown += &String::from_utf8_lossy(&logged);
    assert!(shown.contains("the log is heard"), "{shown}");
    assert!(!shown.contains("sentinel"), "{shown}");
}

#[test]
fn a_proxy_that_a_notifier_was_given_is_asked() {
    let proxy = Sink::answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    let url = format!("http://user:sentinel@{}", proxy.at);
    let client = Client::through("proxy", &url).unwrap();
    let ask = |url: &str| {
        let address = address(url);
        let post = Post {
            address: &address,
            headers: &[],
            body: b"the message",
        };
        client.post(post, LONG)
    };
    let text = later(ask("https://hooks.example.com/hook"));
    assert_eq!(text, "the proxy answered 403");
    let request = String::from_utf8(proxy.requests()[0].clone()).unwrap();
    let asked = "CONNECT hooks.example.com:443 HTTP/1.1\r\n";
    assert!(request.starts_with(asked), "{request}");
    let authorization = "proxy-authorization: Basic dXNlcjpzZW50aW5lbA==\r\n";
    assert!(request.contains(authorization), "{request}");
    // What is not encrypted does not leave this machine.
    let here = Sink::answering(OK);
    assert_eq!(ask(&here.url("/hook")).unwrap().status, StatusCode::OK);
    assert_eq!((here.connections(), proxy.connections()), (1, 1));
    for bad in ["sentinel", "socks5://sentinel", "http://", "ftp://sentinel"] {
        let error = Client::through("proxy", bad).unwrap_err();
        assert_eq!((error.field(), error.value()), ("proxy", "…"));
    }
}

#[test]
fn a_proxy_that_agrees_gets_nothing_but_what_is_encrypted() {
    let (sender, heard) = std::sync::mpsc::channel();
    let proxy = Sink::start(move |mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .unwrap();
        let mut first = [0; 3];
        io::Read::read_exact(&mut stream, &mut first).unwrap();
        sender.send(first).unwrap();
        let _ = stream.write_all(b"no TLS");
    });
    let client = Client::through("proxy", &proxy.url("")).unwrap();
    let address = address("https://hooks.example.com/hook");
    let post = Post {
        address: &address,
        headers: &[],
        body: b"the message",
    };
    later(client.post(post, LONG));
    // The beginning of a handshake of TLS.
    assert_eq!(heard.recv_timeout(LONG).unwrap(), [22, 3, 1]);
}

#[tokio::test]
async fn a_notifier_can_be_asked_within_a_runtime_and_for_any_time() {
    let sink = Sink::answering(OK);
    let answer = post_within(&sink.url("/"), Duration::MAX);
    assert_eq!(answer.unwrap().status, StatusCode::OK);
}

/// As [`post`], without a look at the time.
fn post_within(url: &str, timeout: Duration) -> Result<Answer, NotifyError> {
    let address = address(url);
    let post = Post {
        address: &address,
        headers: &[],
        body: b"the message",
    };
    Client::new().post(post, timeout)
}

#[test]
fn the_proxy_of_the_environment_has_its_own_variable() {
    let variables = |name: &str| match name {
        "HTTPS_PROXY" | "ALL_PROXY" => Some("http://other.example".to_owned()),
        "MONITORING_PROXY" => Some("socks5://sentinel".to_owned()),
        _ => None,
    };
    let error = Client::from_environment(&Environment(&variables)).unwrap_err();
    assert_eq!((error.field(), error.value()), ("MONITORING_PROXY", "…"));
}
