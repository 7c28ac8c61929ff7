//! Drives the conformance server from outside: by its variables and its sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "conformance/alerts.rs"]
mod alerts;
#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "conformance/lately.rs"]
mod lately;
#[path = "conformance/monitoring.rs"]
mod monitoring;
#[path = "conformance/notifiers.rs"]
mod notifiers;
#[path = "conformance/own.rs"]
mod own;
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;
#[path = "conformance/work.rs"]
mod work;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    dsn::{Answer, Dsn},
    programs::{Running, example},
};

const READYZ: &str = "GET /readyz HTTP/1.0\r\n\r\n";

/// The server, until dropped.
struct Server {
    running: Running,
    address: String,
    admin: String,
    log: Arc<Mutex<Vec<String>>>,
    output: Option<JoinHandle<()>>,
}

/// The example as `cargo test` has built it.
fn program() -> PathBuf {
    example("conformance-server")
}

impl Server {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program())
            .env("ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .env("LOG_FORMAT", "JSON")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut out = out.lines().map_while(Result::ok);
        let mut before = Vec::new();
        let line = loop {
            let line = out.next().unwrap();
            if line.starts_with("conformance on ") {
                break line;
            }
            before.push(line);
        };
        // The log must not fill the pipe.
        let log = Arc::new(Mutex::new(before));
        let lines = Arc::clone(&log);
        let output = thread::spawn(move || {
            out.for_each(|line| lines.lock().unwrap().push(line));
        });
        let (address, admin) = line.trim().split_once(", administration on ").unwrap();
        let address = address.trim_start_matches("conformance on ").to_owned();
        Self {
            running: Running(child),
            address,
            admin: admin.to_owned(),
            log,
            output: Some(output),
        }
    }

    /// Status and body of an answer; `None` if the connection ends without one.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        get(
            &self.address,
            &format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
        )
    }

    /// A connection with an endless answer that has begun.
    fn drip(&self) -> TcpStream {
        let mut drip = TcpStream::connect(&self.address).unwrap();
        drip.write_all(b"GET /drip HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        drip.read_exact(&mut [0; 1]).unwrap();
        drip
    }

    fn signal(&self, name: &str) {
        let id = self.running.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// What an ended process said of its end.
    fn said_at_end(&mut self) -> String {
        self.output.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap();
        let mut lines = log.iter();
        let said = lines.find(|line| line.starts_with("ended with "));
        said.unwrap().clone()
    }

    /// Status and body of an answer of the administration.
    fn administration(&self, path: &str) -> (u16, String) {
        get(&self.admin, &format!("GET {path} HTTP/1.0\r\n\r\n")).unwrap()
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.administration(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The warnings so far that contain a text.
    fn warnings(&self, text: &str) -> usize {
        let log = self.log.lock().unwrap();
        let warnings = log
            .iter()
            .filter(|line| line.contains(r#""level":"WARN""#) && line.contains(text));
        warnings.count()
    }

    fn outcomes(&self) -> Value {
        self.json("/debug/outcomes")
    }

    /// The last `n` exchanges, once `n` have finished.
    fn last(&self, n: u64) -> Vec<Value> {
        for _ in 0..1_000 {
            let outcomes = self.outcomes();
            if outcomes["in_flight"] == 0 && outcomes["started"] == n {
                let (_, body) = self.administration(&format!("/debug/last?n={n}"));
                let lines = body.lines();
                let last = lines.map(|line| serde_json::from_str(line).unwrap());
                let last: Vec<_> = last.collect();
                // An exchange is counted before it is told, on the thread of the server.
                if last.len() as u64 == n {
                    return last;
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("never: {}", self.outcomes())
    }
}

fn get(address: &str, request: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn every_failure_has_its_category_and_hides_its_text() {
    let server = Server::start(&[("RUNTIME", "Current")]);
    let kinds = [
        ("database", 500),
        ("external", 500),
        ("timeout", 500),
        ("server", 500),
        ("validation", 422),
        ("conflict", 409),
        ("rate_limit", 429),
        ("authentication", 401),
        ("not_found", 404),
    ];
    for (kind, status) in kinds {
        let (answered, body) = server
            .get(&format!(
                "/fail?kind={kind}&msg=secret%20database%0atimed%20out"
            ))
            .unwrap();
        assert_eq!(answered, status, "{kind}");
        assert!(!body.contains("secret"), "{body}");
    }
    let last = server.last(9);
    for (line, (kind, status)) in last.iter().zip(kinds) {
        let expected = match kind {
            "external" => "external_service",
            "server" => "server_error",
            other => other,
        };
        assert_eq!(
            (&line["category"], &line["status"]),
            (&expected.into(), &status.into()),
            "{kind}"
        );
        let severity = if status == 500 { "critical" } else { "normal" };
        assert_eq!(line["severity"], severity, "{kind}");
    }
    let (_, metrics) = server.administration("/metrics");
    assert!(
        metrics.contains("errors_total{category=\"database\",endpoint=\"/fail\"} 1\n"),
        "{metrics}"
    );
    assert!(!metrics.contains("secret"), "an error's text in a label");
}

#[test]
fn every_route_ends_as_it_says() {
    let server = Server::start(&[("EXCLUDE", "/health"), ("TRUST_INBOUND_ID", "FALSE")]);
    for (path, status) in [
        ("/full", Some(200)),
        ("/empty", Some(200)),
        ("/stream?n=2&ms=5", Some(200)),
        ("/cl", Some(200)),
        ("/short-cl", Some(200)),
        ("/204", Some(204)),
        ("/304", Some(304)),
        ("/err?status=418", Some(418)),
        ("/slow?ms=5", Some(200)),
        ("/panic", None),
        ("/panic-sync", None),
        ("/service-error", Some(500)),
        ("/users/7", Some(200)),
        ("/nested/a/b", Some(200)),
        ("/admin", Some(200)),
        ("/health", Some(200)),
        ("/nothing", Some(404)),
    ] {
        let answered = server.get(path).map(|(status, _)| status);
        assert_eq!(answered, status, "{path}");
    }
    let last = server.last(16);
    let of = |path: &str| last.iter().find(|line| line["path"] == path).unwrap();
    for (path, endpoint, status, outcome) in [
        ("/users/7", "/users/{id}", 200, "completed"),
        ("/nested/a/b", "/nested/{a}/{b}", 200, "completed"),
        ("/nothing", "unmatched", 404, "completed"),
        ("/panic", "/panic", 500, "panicked"),
        ("/panic-sync", "/panic-sync", 500, "panicked"),
        ("/service-error", "/service-error", 500, "error"),
        ("/short-cl", "/short-cl", 200, "completed"),
    ] {
        let line = of(path);
        assert_eq!(
            (&line["endpoint"], &line["outcome"]),
            (&endpoint.into(), &outcome.into()),
            "{path}"
        );
        assert_eq!(line["status"], status, "{path}");
        assert_eq!(line["id"].as_str().unwrap().len(), 36, "{path}");
    }
    let outcomes = server.outcomes();
    assert_eq!(
        (
            &outcomes["completed"],
            &outcomes["panicked"],
            &outcomes["error"]
        ),
        (&13.into(), &2.into(), &1.into())
    );
    assert_eq!(
        (&outcomes["excluded"], &outcomes["dropped_log"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn an_upload_says_what_came_and_how_long_the_server_waited() {
    let server = Server::start(&[]);
    let upload = |read: &str| {
        let mut socket = TcpStream::connect(&server.address).unwrap();
        let head = format!(
            "POST /upload?read={read} HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\nconnection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        if read == "all" {
            for piece in ["abc", "def"] {
                thread::sleep(Duration::from_millis(120));
                socket.write_all(piece.as_bytes()).unwrap();
            }
        }
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        answer.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(upload("all"), "6");
    assert_eq!(upload("none"), "0");
    let last = server.last(2);
    let waited = |n: usize| last[n]["wait_ms"].as_f64().unwrap();
    assert!((200.0..30_000.0).contains(&waited(0)), "{}", last[0]);
    assert_eq!(waited(1), 0.0);
    assert_eq!(last[0]["severity"], "normal");
    // A client that goes while it sends.
    let mut socket = TcpStream::connect(&server.address).unwrap();
    let head = b"POST /upload?read=all HTTP/1.1\r\nhost: a\r\ncontent-length: 600\r\n\r\nhalf";
    socket.write_all(head).unwrap();
    drop(socket);
    let left = &server.last(3)[2];
    assert_eq!(
        (&left["outcome"], &left["status"], &left["severity"]),
        (&"cancelled".into(), &499.into(), &Value::Null)
    );
}

#[test]
fn a_guard_before_all_routes_refuses_http_and_grpc() {
    let server = Server::start(&[("AUTH", "t0ken")]);
    let ask = |method: &str, headers: &str| {
        let request = format!("{method} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        get(&server.address, &request).unwrap().0
    };
    assert_eq!(ask("GET /full", ""), 401);
    assert_eq!(ask("GET /full", "authorization: Bearer wrong\r\n"), 401);
    assert_eq!(ask("GET /full", "authorization: Bearer t0ken\r\n"), 200);
    let call = "POST /made.up/Method";
    assert_eq!(ask(call, "content-type: application/grpc\r\n"), 200);
    let last = server.last(4);
    assert_eq!(
        (&last[3]["grpc_status"], &last[3]["endpoint"]),
        (&16.into(), &"unmatched".into())
    );
    let (_, metrics) = server.administration("/metrics");
    assert!(!metrics.contains("made.up"), "{metrics}");
}

#[test]
fn a_recorder_of_the_application_can_panic_and_hang_and_the_server_goes_on() {
    let mut server = Server::start(&[("RECORDER", "Foreign"), ("SHUTDOWN_MS", "2000")]);
    let admin = |path: &str| server.administration(path);
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("never: {what}: {}", server.outcomes());
    };
    let answers = || {
        assert_eq!(server.get("/full").unwrap().0, 200);
        until("ready", &|| admin("/readyz").0 == 200);
    };
    let published = |count: u64| {
        let line = format!("http_requests_started_total {count}\n");
        until(&line, &|| admin("/metrics").1.contains(&line));
    };
    answers();
    published(1);
    assert_eq!(admin("/debug/recorder?state=panic").0, 204);
    until("two panics", &|| {
        server.outcomes()["hook_failures"].as_u64() >= Some(2)
    });
    answers();
    assert_eq!(admin("/debug/recorder?state=ok").0, 204);
    published(2);
    assert_eq!(admin("/debug/recorder?state=hang").0, 204);
    answers();
    let began = Instant::now();
    server.signal("-TERM");
    assert!(server.running.0.wait().unwrap().success());
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn probes_follow_the_dependencies_and_a_signal_drains() {
    let mut server = Server::start(&[("SHUTDOWN_MS", "800")]);
    let admin = |path: &str| server.administration(path);
    let becomes = |path: &str, status: u16| {
        for _ in 0..500 {
            let (answered, body) = admin(path);
            if answered == status {
                return body;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{path} never answered {status}")
    };
    becomes("/readyz", 200);
    for state in ["hang", "panic", "error&msg=postgres://user:secret@db"] {
        assert_eq!(
            admin(&format!("/debug/dep?name=database&state={state}")).0,
            204
        );
        let body = becomes("/health", 503);
        assert!(
            body.contains("\"database\":\"unavailable\"") && !body.contains("secret"),
            "{body}"
        );
        assert_eq!(admin("/livez").0, 200);
        assert_eq!(admin("/debug/dep?name=database&state=up").0, 204);
        becomes("/readyz", 200);
    }
    admin("/debug/dep?name=cache&state=error");
    for _ in 0..500 {
        if admin("/health").1.contains("degraded") {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(admin("/health").1.contains("\"status\":\"degraded\""));
    let outcomes = server.outcomes();
    assert!(
        outcomes["check_runs"]["database"].as_u64() > Some(3),
        "{outcomes}"
    );
    assert_eq!(
        outcomes["started"], 0,
        "probes and unknown paths of the administration are no traffic"
    );
    assert_eq!(admin("/nothing").0, 404);
    assert_eq!(server.outcomes()["started"], 0);

    // An endless stream is open when the signal arrives. Readiness fails, liveness stays, and the deadline ends the stream.
    let _drip = server.drip();
    server.signal("-TERM");
    becomes("/readyz", 503);
    assert_eq!(admin("/livez").0, 200);
    assert!(server.running.0.wait().unwrap().success());
}

#[test]
fn the_second_signal_ends_the_process_and_reports_what_it_cut_off() {
    // The drain takes up to 20 s, and its delay 5 s of them.
    for (first, second) in [
        ("-INT", "-INT"),
        ("-TERM", "-TERM"),
        ("-INT", "-TERM"),
        ("-TERM", "-INT"),
    ] {
        let mut server = Server::start(&[("SHUTDOWN_MS", "20000")]);
        let _drip = server.drip();
        let began = Instant::now();
        server.signal(first);
        // The process has heard it when it drains. The other signal need not wait for that.
        while first == second && get(&server.admin, READYZ).unwrap().0 == 200 {
            thread::sleep(Duration::from_millis(5));
        }
        server.signal(second);
        assert!(server.running.0.wait().unwrap().success());
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{first} {second}: {took:?}");
        assert_eq!(server.said_at_end(), "ended with 1 unfinished, 0 unsent");
    }
}

#[test]
fn the_second_signal_ends_also_after_the_delay() {
    let mut server = Server::start(&[("SHUTDOWN_MS", "4000")]);
    let _drip = server.drip();
    server.signal("-TERM");
    // After the delay, which is 1 s, nobody is accepted.
    while TcpStream::connect(&server.address).is_ok() {
        thread::sleep(Duration::from_millis(5));
    }
    let began = Instant::now();
    server.signal("-TERM");
    assert!(server.running.0.wait().unwrap().success());
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    assert_eq!(server.said_at_end(), "ended with 1 unfinished, 0 unsent");
}

#[test]
fn a_bad_variable_stops_it_with_a_clear_message() {
    for (name, value) in [
        ("ADDR", "0.0.0.0:3001"),
        ("ADMIN_ADDR", "nowhere"),
        ("SERIES_CAP", "many"),
        ("SERIES_CAP", "0"),
        ("RUNTIME", "both"),
        ("TRUST_INBOUND_ID", "perhaps"),
        ("LOG_FORMAT", "xml"),
        ("SHUTDOWN_MS", "soon"),
        ("SLOT_MS", "short"),
        ("SLOT_MS", "0"),
        ("STATE", "/no/such/folder/file"),
        ("EXCLUDE", "/fine,health"),
    ] {
        let out = Command::new(program()).env(name, value).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{name}={value}");
        let bad = value.rsplit(',').next().unwrap();
        assert!(error.contains(bad), "{name}={value}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[test]
fn with_a_dsn_sentry_gets_events_and_every_line_has_the_build() {
    let dsn = Dsn::start(Answer::Status(200));
    let server = Server::start(&[
        ("SENTRY_DSN", &dsn.url()),
        ("APP_VERSION", "shop@9"),
        ("ENVIRONMENT", "canary"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop%20two"),
    ]);
    server.get("/capture?msg=one").unwrap();
    server.get("/capture-spawn?msg=two").unwrap();
    server.get("/fail?kind=database&msg=lost").unwrap();
    server.get("/panic");
    for _ in 0..1_000 {
        if dsn.events().len() == 4 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let events = dsn.events();
    let captured: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["transaction"].as_str().unwrap(),
                event["logentry"]["message"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        captured,
        [
            ("/capture", Some("one")),
            ("/capture-spawn", Some("two")),
            ("/fail", None),
            ("/panic", None)
        ]
    );
    for captured in &events[..2] {
        assert_eq!(
            (&captured["user"]["id"], &captured["tags"]["tenant_id"]),
            (&"u-1".into(), &"t-1".into())
        );
        assert_eq!(
            captured["breadcrumbs"]["values"][0]["message"],
            captured["logentry"]["message"]
        );
    }
    assert_eq!(events[2]["tags"]["error_category"], "database");
    assert!(
        events
            .iter()
            .all(|event| event["release"] == "shop@9" && event["environment"] == "canary")
    );
    assert!(
        events
            .iter()
            .all(|event| event["tags"]["service"] == "shop two")
    );
    server.last(4);
    let log = server.log.lock().unwrap();
    let lines: Vec<Value> = log
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let requests: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .collect();
    assert_eq!(requests.len(), 4);
    assert!(
        requests
            .iter()
            .all(|line| line["release"] == "shop@9" && line["environment"] == "canary")
    );
    assert!(requests.iter().all(|line| line["service"] == "shop two"));
    let (_, metrics) = server.administration("/metrics");
    let target = r#"target_info{service_name="shop two",service_version="shop@9",deployment_environment_name="canary"} 1"#;
    assert!(metrics.contains(target), "{metrics}");
}

#[test]
fn the_start_says_in_which_format_lines_are_and_text_lines_do_not_repeat_the_service() {
    for (format, said) in [
        ("json", r#""log_format":"json""#),
        ("text", r#"log_format="text""#),
    ] {
        let mut child = Command::new(program())
            .env("ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .env("LOG_FORMAT", format)
            .env("OTEL_SERVICE_NAME", "shop")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let running = Running(child);
        let mut lines = out.lines().map_while(Result::ok);
        let start = lines.find(|line| line.contains("watching")).unwrap();
        assert!(start.contains(said), "{start}");
        assert_eq!(start.matches("shop").count(), 1, "{start}");
        drop(running);
    }
}
