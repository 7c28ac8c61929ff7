//! Has a real Bugsink, as strict as it can be, take what leaves, and Sentry's own Relay look at it.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

mod programs;

#[path = "it/support/reporting.rs"]
mod reporting;

#[path = "it/support/requests.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod requests;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode},
    response::IntoResponse,
    routing::get,
};
use sentry::protocol::{Attachment, Breadcrumb, Context, Level, User, Value as Said};
use serde_json::{Map, Value, json};
use tokio::time;
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{
    Deployment, Failure, Release, RequestContext, Vitals,
    sentry::{Scrubbing, SentryOptions},
};

use crate::programs::{Folder, Running, eventually, example, free_port};

const LONG: Duration = Duration::from_secs(60);

/// As `tests/bugsink/seed.py` has set them.
const KEY: &str = "11111111111111111111111111111111";

const TOKEN: &str = "2222222222222222222222222222222222222222";

/// Bugsink with nothing in it. Dropped in this order: the process before its folder.
struct Bugsink {
    _server: Running,
    folder: Folder,
    address: String,
}

/// Where `tests/bugsink/setup.sh` has put things.
fn installed() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/bugsink"))
}

fn scripts() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bugsink"))
}

// === impl Bugsink ===

impl Bugsink {
    fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let nth = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-vitals-bugsink-{}-{nth}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        for database in ["bugsink.sqlite3", "snappea.sqlite3"] {
            let empty = installed().join("empty").join(database);
            fs::copy(empty, folder.join(database)).expect("run tests/bugsink/setup.sh first");
        }
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let said = fs::File::create(folder.join("said")).unwrap();
        let child = Command::new(installed().join("venv/bin/gunicorn"))
            .args(["--bind", &address, "--threads", "2", "bugsink.wsgi"])
            .current_dir(&folder)
            .env("BUGSINK_HOME", &folder)
            .env("BUGSINK_PORT", port.to_string())
            .env("DJANGO_SETTINGS_MODULE", "bugsink_conf")
            .env("HOME", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", scripts())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let bugsink = Self {
            _server: Running(child),
            folder: Folder(folder),
            address,
        };
        eventually("Bugsink is ready", || {
            programs::get(&bugsink.address, "/health/ready", "host: 127.0.0.1\r\n")
                .filter(|answer| !answer.contains("Bad Request"))
        });
        bugsink
    }

    fn dsn(&self) -> String {
        format!("http://{KEY}@{}/1", self.address)
    }

    fn api(&self, path: &str) -> Value {
        let headers = format!("host: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n");
        let answer = programs::get(&self.address, &format!("/api/canonical/0/{path}"), &headers);
        let answer = answer.expect("Bugsink answers");
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{path}: {answer}"))
    }

    fn all(&self, path: &str) -> Vec<Value> {
        let page = self.api(path);
        assert_eq!(page["next"], Value::Null, "one page is enough");
        page["results"].as_array().unwrap().clone()
    }

    fn issues(&self) -> Vec<Value> {
        self.all("issues/?project=1")
    }

    /// Every event that was stored, by its transaction; those against Sentry's schema are not.
    fn events(&self) -> BTreeMap<String, Vec<Value>> {
        let mut events = BTreeMap::<String, Vec<Value>>::new();
        for issue in self.issues() {
            let id = issue["id"].as_str().unwrap();
            for listed in self.all(&format!("events/?issue={id}")) {
                let id = listed["id"].as_str().unwrap();
                let event = self.api(&format!("events/{id}/"))["data"].take();
                let transaction = event["transaction"].as_str().unwrap_or_default();
                events
                    .entry(transaction.to_owned())
                    .or_default()
                    .push(event);
            }
        }
        events
    }

    /// Why Bugsink stored nothing of what it took.
    fn refusals(&self) -> Vec<String> {
        let said = fs::read_to_string(self.folder.0.join("said")).unwrap();
        let lines = said
            .lines()
            .filter(|line| line.contains("ValidationError: "));
        lines.map(str::to_owned).collect()
    }

    /// What Relay says of everything that was sent.
    fn relay(&self) -> String {
        let relay = Command::new(installed().join("venv/bin/python"))
            .arg(scripts().join("relay.py"))
            .arg(self.folder.0.join("bugsink.sqlite3"))
            .output()
            .unwrap();
        assert!(relay.status.success(), "{relay:?}");
        String::from_utf8(relay.stdout).unwrap()
    }
}

/// The example `sentry`, with what it says.
struct Shop {
    address: String,
    out: BufReader<ChildStdout>,
    running: Running,
}

impl Shop {
    fn start(dsn: &str) -> Self {
        let mut child: Child = Command::new(example("sentry"))
            .env_clear()
            .env("LOG_LEVEL", "off")
            .env("PORT", "0")
            .env("SENTRY_DSN", dsn)
            .env("SENTRY_ENVIRONMENT", "staging")
            .env("SENTRY_RELEASE", "shop@1.2.3")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example is not built");
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let address = first.strip_prefix("curl http://").unwrap();
        let address = address.split('/').next().unwrap().to_owned();
        let running = Running(child);
        Self {
            address,
            out,
            running,
        }
    }

    fn send(&self, path: &str, id: &str) {
        let headers = format!("host: shop.test\r\nuser-agent: tests\r\nx-request-id: {id}\r\n");
        // A panic has no answer.
        let _ = programs::get(&self.address, path, &headers);
    }

    /// Asks it to end, waits, and returns its last words.
    fn end(mut self) -> String {
        drop(self.running);
        let mut last = String::new();
        self.out.read_to_string(&mut last).unwrap();
        last.lines().last().unwrap_or_default().to_owned()
    }
}

/// An event without what differs from one machine or moment to another.
fn lasting(event: &Value) -> Value {
    let mut event: Map<String, Value> = event.as_object().unwrap().clone();
    for name in ["event_id", "platform", "sdk", "server_name", "timestamp"] {
        assert!(event.remove(name).is_some(), "{name}");
    }
    let contexts = event["contexts"].as_object_mut().unwrap();
    for name in ["device", "os", "rust", "trace"] {
        contexts.remove(name);
    }
    if contexts.is_empty() {
        event.remove("contexts");
    }
    if let Some(extra) = event.get_mut("extra") {
        for name in ["head_ms", "total_ms"] {
            extra.as_object_mut().unwrap().remove(name);
        }
    }
    for list in ["breadcrumbs", "exception"] {
        let values = event.get_mut(list).map(|list| list["values"].take());
        if let Some(Value::Array(mut values)) = values {
            for value in &mut values {
                let value = value.as_object_mut().unwrap();
                value.remove("timestamp");
                value.remove("stacktrace");
            }
            event.insert(list.into(), values.into());
        }
    }
    event.into()
}

#[test]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
fn each_incident_of_the_example_arrives_once_and_says_exactly_what_is_known() {
    let bugsink = Bugsink::start();
    let shop = Shop::start(&bugsink.dsn());
    shop.send("/orders/seven?token=s3cret", "id-order");
    shop.send("/orders/7", "id-fine");
    shop.send("/slow", "id-slow");
    shop.send("/panic", "id-panic");
    shop.send("/note", "id-note");
    assert_eq!(shop.end(), "0 requests were cut off, 0 events not sent");

    assert_eq!(bugsink.refusals(), [""; 0]);
    let events = bugsink.events();
    let told: Vec<_> = events
        .iter()
        .map(|(transaction, events)| (transaction.as_str(), events.len()))
        .collect();
    let once = ["", "/note", "/orders/{id}", "/panic", "/slow"].map(|name| (name, 1));
    assert_eq!(told, once);
    assert_eq!(bugsink.issues().len(), 5);
    let request = |path: &str| {
        json!({
            "url": format!("http://shop.test{path}"),
            "method": "GET",
            "headers": {"host": "shop.test", "user-agent": "tests"},
        })
    };
    assert_eq!(
        lasting(&events["/orders/{id}"][0]),
        json!({
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/orders/{id}",
            "request": request("/orders/seven?token=[Filtered]"),
            "user": {"id": "u-17"},
            "tags": {
                "endpoint": "/orders/{id}",
                "error_category": "server_error",
                "method": "GET",
                "request_id": "id-order",
                "severity": "critical",
                "tenant_id": "acme",
            },
            "breadcrumbs": [{"message": "looking for the order"}],
            "exception": [
                {
                    "type": "ParseIntError",
                    "value": "invalid digit found in string",
                    "mechanism": {"type": "tower-vitals", "handled": true},
                },
                {
                    "type": "NoOrder",
                    "value": "no order \"seven\"",
                    "mechanism": {"type": "tower-vitals", "handled": true},
                },
            ],
            "contexts": {"response": {"type": "response", "status_code": 500}},
            "extra": {"outcome": "completed"},
            "fingerprint": ["tower-vitals", "GET", "/orders/{id}", "server_error", "failed"],
        })
    );
    assert_eq!(
        lasting(&events["/slow"][0]),
        json!({
            "level": "warning",
            "logentry": {"message": "slow: GET /slow answered 200"},
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/slow",
            "request": request("/slow"),
            "tags": {
                "endpoint": "/slow",
                "method": "GET",
                "request_id": "id-slow",
                "severity": "critical",
            },
            "contexts": {"response": {"type": "response", "status_code": 200}},
            "extra": {"outcome": "completed"},
            "fingerprint": ["tower-vitals", "GET", "/slow", "none", "slow"],
        })
    );
    let panic = &events["/panic"][0];
    let frames = &panic["exception"]["values"][0]["stacktrace"]["frames"];
    let ours = frames.as_array().unwrap().iter().any(|frame| {
        let function = frame["function"].as_str();
        function.is_some_and(|function| function.contains("sentry::panics"))
    });
    assert!(ours, "the handler is in the stack trace: {frames}");
    assert_eq!(
        lasting(panic),
        json!({
            "fingerprint": ["tower-vitals", "GET", "/panic", "server_error", "panicked"],
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/panic",
            "request": request("/panic"),
            "tags": {
                "endpoint": "/panic",
                "error_category": "server_error",
                "method": "GET",
                "request_id": "id-panic",
                "severity": "critical",
            },
            "exception": [{
                "type": "panic",
                "value": "no order without a customer",
                "mechanism": {"type": "panic", "handled": false},
            }],
        })
    );
    assert_eq!(
        lasting(&events["/note"][0]),
        json!({
            "level": "info",
            "logentry": {"message": "[Filtered] pays with [Filtered], password=[Filtered]"},
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/note",
            "request": request("/note"),
            "tags": {
                "endpoint": "/note",
                "method": "GET",
                "request_id": "id-note",
                "severity": "normal",
            },
        })
    );
    assert_eq!(
        lasting(&events[""][0]),
        json!({
            "level": "info",
            "logentry": {"message": concat!("deployed ", env!("CARGO_PKG_VERSION"), " to staging")},
            "release": env!("CARGO_PKG_VERSION"),
            "environment": "staging",
            "tags": {"deployed_by": "cargo run"},
            "fingerprint": ["tower-vitals", "deployment", "staging"],
        })
    );
    assert_eq!(
        bugsink.relay(),
        "event of /note: 1\nevent of /orders/{id}: 1\nevent of /panic: 1\nevent of /slow: 1\nevent of None: 1\n"
    );
}

fn request(path: &str) -> Request {
    let request = Request::builder().uri(path).header("host", "shop.test");
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
async fn a_thousand_failures_with_a_thousand_ids_are_one_issue_at_a_real_server() {
    let bugsink = Bugsink::start();
    let vitals = reporting::unlimited(&bugsink.dsn());
    let app = reporting::lost_orders(&vitals);
    for id in 0..1_000 {
        assert_eq!(
            requests::send(&app, request(&format!("/orders/{id}"))).await,
            500
        );
        // No more than the queue holds.
        if id % 50 == 49 {
            assert_eq!(vitals.flush(LONG), 0);
        }
    }
    let [issue] = &bugsink.issues()[..] else {
        panic!("{:?}", bugsink.issues())
    };
    assert_eq!(
        issue["stored_event_count"],
        1_000,
        "{:?}",
        bugsink.refusals()
    );
    assert_eq!(vitals.metrics().totals().dropped_sentry, 0);
}

/// Says all that an application can say, and secrets in each place.
async fn says_everything(context: RequestContext) -> &'static str {
    const SECRET: &str =
        "Bearer abcdef0123456789, password=hunter2, jane@example.org, 4111 1111 1111 1111";
    context
        .user("jane@example.org")
        .tenant("t-1")
        .tag(
            "köy with spaces, and longer than Sentry would like it",
            "ä".repeat(300),
        )
        .tag("empty", "");
    let secrets = || BTreeMap::from([("password", SECRET), ("note", SECRET)]);
    let said = || {
        secrets()
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Said::from(text)))
    };
    sentry::add_breadcrumb(Breadcrumb {
        ty: "http".into(),
        category: Some("request".into()),
        message: Some(SECRET.into()),
        data: said().chain([("status_code".into(), 200.into())]).collect(),
        ..Breadcrumb::default()
    });
    sentry::configure_scope(|scope| {
        scope.set_user(Some(User {
            id: Some("jane@example.org".into()),
            email: Some("jane@example.org".into()),
            ip_address: Some("192.0.2.1".parse().unwrap()),
            username: Some("jane".into()),
            ..User::default()
        }));
        for (name, text) in said() {
            scope.set_extra(&name, text);
        }
        scope.set_extra("card", 4_111_111_111_111_111_u64.into());
        scope.set_extra(
            "session",
            json!({"token": 17, "parts": [1, true, null, SECRET]}),
        );
        scope.set_context("shop", Context::Other(said().collect()));
        scope.set_tag("customer", SECRET);
        scope.add_attachment(Attachment {
            buffer: SECRET.into(),
            filename: "jane@example.org.txt".into(),
            ..Attachment::default()
        });
    });
    sentry::capture_message(SECRET, Level::Info);
    sentry::capture_error(&std::io::Error::other(SECRET));
    "said\n"
}

/// An application in which everything goes wrong that can.
fn troubled(vitals: &Vitals) -> Router {
    let after = |seconds| async move || time::sleep(Duration::from_secs(seconds)).await;
    let grpc = [
        ("content-type", "application/grpc"),
        ("grpc-status", "13"),
        ("grpc-message", "jane@example.org"),
    ];
    let breaks = || {
        Body::from_stream(futures::stream::iter([
            Ok("x"),
            Err(std::io::Error::other("password=hunter2")),
        ]))
    };
    Router::new()
        .route("/said", get(says_everything))
        .route(
            "/cause",
            get(async || -> Result<(), Failure> {
                Err("postgres://shop:hunter2@db/shop said no to jane@example.org")?
            }),
        )
        .route("/500", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/breaks", get(async move || breaks().into_response()))
        .route(
            "/panic",
            get(async || -> () { panic!("no order of jane@example.org") }),
        )
        .route("/slow", get(after(3)))
        .route("/slower", get(after(6)))
        .route("/stuck", get(after(30)))
        .route("/shop.v1.Orders/Get", get(async move || grpc))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer())
}

/// One for each way to go wrong, and for each place where a client can say something.
fn requests() -> Vec<Request> {
    let mut requests: Vec<_> = [
        "/said?token=hunter2",
        "/cause",
        "/500",
        "/breaks",
        "/panic",
        "/slow",
        "/slower",
        "/stuck",
        "/missing?email=jane@example.org",
    ]
    .map(request)
    .into();
    let mut grpc = request("/shop.v1.Orders/Get");
    grpc.headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    requests.push(grpc);
    for host in [
        "",
        "jane:hunter2@shop.test",
        "[shop",
        "a b",
        "shop.test/../x?token=hunter2",
        "\u{e4}.test",
    ] {
        let mut request = request("/500");
        let headers = request.headers_mut();
        for (name, value) in [
            ("host", host),
            ("user-agent", host),
            ("content-type", "text/plain; token=hunter2"),
            (
                "sentry-trace",
                "09e04486820349518ac7b5d2adbf6ba5-9cf635fa5b870b3a-1",
            ),
            ("baggage", "sentry-release=hunter2,email=jane@example.org"),
            ("authorization", "Bearer abcdef0123456789"),
        ] {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        requests.push(request);
    }
    requests
}

#[tokio::test(start_paused = true)]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
async fn bugsink_stores_and_relay_passes_every_kind_of_event_and_finds_no_secret_left() {
    // With the preset for health data no attachment leaves.
    for (scrubbing, attachments) in [(Scrubbing::new(), 2), (Scrubbing::health_data(), 0)] {
        let bugsink = Bugsink::start();
        // Bugsink has no use for transactions and says so with its first answer, which a client heeds: so each request has its own.
        let vitals = |stuck: bool| {
            let options = SentryOptions::new(&bugsink.dsn())
                .unwrap()
                .scrubbing(scrubbing.clone())
                .transactions()
                .sample_rate(1.0)
                .unwrap();
            let builder = Vitals::builder()
                .isolated()
                .release(Release::new("shop@1.2.3").environment("test"))
                .sentry(options);
            let builder = if stuck { builder.log_stuck() } else { builder };
            builder.build().unwrap()
        };
        let mut dropped = (0, 0);
        let mut gone = |vitals: &Vitals| {
            assert_eq!(vitals.flush(LONG), 0);
            let totals = vitals.metrics().totals();
            dropped.0 += totals.dropped_sentry;
            dropped.1 += totals.dropped_sentry_scrubbing;
        };
        for request in requests() {
            let vitals = vitals(request.uri() == "/stuck");
            requests::send(&troubled(&vitals), request).await;
            gone(&vitals);
        }
        let vitals = vitals(false);
        let deployment = Deployment::new("shop@1.2.4").by("jane@example.org");
        vitals.deployment(&deployment.changes("password=hunter2"));
        gone(&vitals);

        assert_eq!(bugsink.refusals(), [""; 0]);
        assert_eq!(bugsink.events().values().map(Vec::len).sum::<usize>(), 17);
        let mut seen = String::from(
            "event of /500: 7\nevent of /breaks: 1\nevent of /cause: 1\nevent of /panic: 1\nevent of /said: 2\n\
             event of /shop.v1.Orders/Get: 1\nevent of /slow: 1\nevent of /slower: 1\nevent of /stuck: 1\n\
             event of None: 1\ntransaction of /500: 7\ntransaction of /breaks: 1\ntransaction of /cause: 1\n\
             transaction of /shop.v1.Orders/Get: 1\ntransaction of /slow: 1\ntransaction of /slower: 1\n\
             transaction of unmatched: 1\n",
        );
        if attachments > 0 {
            seen.insert_str(0, &format!("attachment: {attachments}\n"));
        }
        assert_eq!(bugsink.relay(), seen);
        // The transactions of those that had told something before they ended.
        assert_eq!(dropped, (3, 2 - attachments));
    }
}
