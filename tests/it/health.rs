//! Answers probes from what is known, whatever the checks do.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::stream;
use http_body_util::BodyExt;
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, time};
use tower::{Service, ServiceExt};
use tower_vitals::{
    Vitals,
    health::{Answer, Check, Details, Health, HealthService, Role, Status},
};

use crate::support::{requests, server::Server, stacks::with_health, waiting::settled};

const MS: fn(u64) -> Duration = Duration::from_millis;

const SECRET: &str = "postgres://user:secret@10.0.0.5/db";

/// What a dependency does when it is asked.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Mood {
    Up,
    Degraded,
    Down,
    Hanging,
    Panicking,
}

/// A dependency whose mood the test sets.
#[derive(Clone)]
struct Dependency {
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
}

impl Dependency {
    fn new(mood: Mood) -> Self {
        Self {
            mood: Arc::new(AtomicU8::new(mood as u8)),
            asked: Arc::default(),
        }
    }

    fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn check(&self, name: &str) -> Check {
        let own = self.clone();
        Check::new(name, move || {
            own.asked.fetch_add(1, Ordering::Relaxed);
            let mood = own.mood.load(Ordering::Relaxed);
            async move {
                match mood {
                    mood if mood == Mood::Up as u8 => Ok(Answer::Fine),
                    mood if mood == Mood::Degraded as u8 => {
                        Ok(Answer::Degraded("half of it".into()))
                    }
                    mood if mood == Mood::Down as u8 => Err(io::Error::other(SECRET)),
                    mood if mood == Mood::Hanging as u8 => std::future::pending().await,
                    _ => panic!("as asked"),
                }
            }
        })
        .interval(MS(1_000))
        .timeout(MS(300))
    }
}

/// Status, content type and body of a probe.
async fn probe(service: &HealthService, target: &str) -> (u16, String, String) {
    ask(service, requests::get(target)).await
}

async fn ask(service: &HealthService, request: Request) -> (u16, String, String) {
    let response = service.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let status = response.status().as_u16();
    (status, kind, requests::text(response.into_body()).await)
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn probes_say_what_the_last_round_said() {
    let (database, cache) = (Dependency::new(Mood::Up), Dependency::new(Mood::Up));
    let health = Health::builder()
        .check(database.check("database").word("connected"))
        .check(cache.check("cache").role(Role::Optional))
        .start()
        .unwrap();
    let service = health.service();
    // Nobody has answered yet.
    assert_eq!(probe(&service, "/readyz").await.0, 503);
    assert_eq!(probe(&service, "/startupz").await.0, 503);
    assert_eq!(
        probe(&service, "/livez").await,
        (200, "text/plain; charset=utf-8".into(), "ok".into())
    );
    time::sleep(MS(50)).await;
    let (status, kind, body) = probe(&service, "/health").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let said = json(&body);
    assert_eq!(said["status"], "healthy");
    assert_eq!(
        said["checks"],
        serde_json::json!({"database": "connected", "cache": "available"})
    );
    let timestamp = said["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert_eq!(probe(&service, "/readyz").await.2, "ok");
    assert_eq!(probe(&service, "/startupz").await.0, 200);

    // An optional one that fails degrades; a critical one ends it.
    cache.set(Mood::Down);
    time::sleep(MS(1_200)).await;
    let (status, _, body) = probe(&service, "/health").await;
    assert_eq!(
        (
            status,
            &json(&body)["status"],
            &json(&body)["checks"]["cache"]
        ),
        (200, &"degraded".into(), &"unavailable".into())
    );
    let strict = service
        .clone()
        .degraded_status(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(probe(&strict, "/readyz").await.0, 503);
    for (mood, latency) in [(Mood::Down, 0), (Mood::Hanging, 300), (Mood::Panicking, 0)] {
        database.set(mood);
        time::sleep(MS(1_200 + latency)).await;
        let (status, _, body) = probe(&service, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            "[-]database failed: reason withheld\n[-]cache failed: reason withheld\nreadyz check failed\n"
        );
        assert_eq!(probe(&service, "/health/database").await.0, 503);
        assert_eq!(probe(&service, "/readyz?exclude=database").await.0, 200);
        assert_eq!(probe(&service, "/livez").await.0, 200);
        // What has started stays started.
        assert_eq!(probe(&service, "/startupz").await.0, 200);
        database.set(Mood::Up);
        time::sleep(MS(1_500)).await;
        assert_eq!(health.status(), Status::Degraded);
    }
    database.set(Mood::Degraded);
    time::sleep(MS(1_200)).await;
    assert_eq!(
        probe(&service, "/readyz?verbose").await.2,
        "[+]database degraded\n[-]cache failed: reason withheld\nreadyz check passed\n"
    );
}

#[tokio::test(start_paused = true)]
async fn formats_aliases_and_methods_are_as_people_ask_for_them() {
    let health = Health::builder()
        .check(Dependency::new(Mood::Up).check("database"))
        .start()
        .unwrap();
    let service = health
        .service()
        .alias("/health/db", "/health/database")
        .unwrap();
    time::sleep(MS(50)).await;
    for path in [
        "/health",
        "/health/",
        "/v1/health",
        "/v1/health/",
        "/api/health",
        "/health/db",
        "/health/database",
        "/readyz/",
        "/health?x=%00&x",
    ] {
        assert_eq!(probe(&service, path).await.0, 200, "{path}");
    }
    for path in ["/", "/health/nobody", "/health/a/b", "/livezz", "/Health"] {
        assert_eq!(probe(&service, path).await.0, 404, "{path}");
    }
    assert_eq!(probe(&service, "/health?format=xml").await.0, 400);
    for (format, kind) in [
        ("json", "application/json"),
        ("text", "text/plain; charset=utf-8"),
        ("health+json", "application/health+json"),
    ] {
        assert_eq!(
            probe(&service, &format!("/readyz?format={format}")).await.1,
            kind
        );
    }
    let accepting = |accept: &str, path: &str| {
        Request::builder()
            .uri(path)
            .header("accept", accept)
            .body(Body::empty())
            .unwrap()
    };
    let (_, kind, body) = ask(&service, accepting("application/health+json", "/health")).await;
    assert_eq!(
        (kind.as_str(), &json(&body)["status"]),
        ("application/health+json", &"pass".into())
    );
    assert_eq!(
        ask(&service, accepting("text/plain", "/health")).await.1,
        "text/plain; charset=utf-8"
    );
    assert_eq!(
        ask(&service, accepting("application/json", "/readyz"))
            .await
            .1,
        "application/json"
    );
    let head = Request::builder()
        .method("HEAD")
        .uri("/health")
        .body(Body::empty())
        .unwrap();
    let head = service.clone().oneshot(head).await.unwrap();
    let length = probe(&service, "/health").await.2.len().to_string();
    assert_eq!(
        (
            head.status().as_u16(),
            head.headers()["content-length"].to_str().unwrap()
        ),
        (200, length.as_str())
    );
    assert!(
        head.into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
    let post = Request::builder()
        .method("POST")
        .uri("/health")
        .body(Body::empty())
        .unwrap();
    assert_eq!(ask(&service, post).await.0, 405);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_in_the_log_and_behind_the_gate_and_nowhere_else() {
    let health = Health::builder()
        .check(Dependency::new(Mood::Down).check("database"))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    let public = health.service();
    let gated = health
        .service()
        .details(Details::Token("s3cret-token".into()))
        .unwrap();
    let open = health.service().details(Details::Public).unwrap();
    let targets = [
        "/health",
        "/readyz?verbose",
        "/health?format=health%2Bjson",
        "/health?format=health+json",
        "/health/database",
        "/readyz?format=json",
    ];
    for target in targets {
        let (_, _, body) = probe(&public, target).await;
        assert!(!body.contains("secret"), "{body}");
        let (status, _, body) = probe(&open, target).await;
        assert!(body.contains(SECRET) || status == 400, "{target}: {body}");
    }
    let with = |authorization: &[&str]| {
        let mut request = Request::builder().uri("/health");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        request.body(Body::empty()).unwrap()
    };
    let (_, _, body) = ask(&gated, with(&[])).await;
    assert!(!body.contains("secret@"), "{body}");
    let (_, _, body) = ask(&gated, with(&["Bearer s3cret-token"])).await;
    let said = json(&body);
    assert_eq!(said["checks"]["database"]["error"], SECRET);
    assert_eq!(said["checks"]["database"]["status"], "unhealthy");
    assert!(!format!("{gated:?}").contains("s3cret"), "{gated:?}");
    let error = health
        .service()
        .details(Details::Token(String::new()))
        .unwrap_err();
    assert_eq!(error.field(), "health.details");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_not_the_token_is_answered_as_everybody() {
    const TOKEN: &str = "s3cret-tök€n";
    let health = Health::builder()
        .check(Dependency::new(Mood::Down).check("database"))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    let gated = health.service().details(Details::Token(TOKEN.into()));
    let gated = gated.unwrap();
    let answer = async |target: &str, authorization: &[&[u8]]| {
        let mut request = Request::builder().uri(target);
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (status, kind, body) = ask(&gated, request).await;
        let mut body = json(&body);
        body["timestamp"].take();
        (status, kind, body)
    };
    let bearer = |token: &[u8]| [b"Bearer ", token].concat();
    let right = bearer(TOKEN.as_bytes());
    let public = answer("/health", &[]).await;
    assert_eq!(public.2["checks"]["database"], "unavailable");
    let each = [
        ("empty", bearer(b"")),
        ("nothing", b"".to_vec()),
        ("no token", b"Bearer".to_vec()),
        ("prefix", right[..right.len() - 1].to_vec()),
        ("end", bearer(&TOKEN.as_bytes()[1..])),
        ("longer", bearer(format!("{TOKEN}0").as_bytes())),
        ("spaced", bearer(format!(" {TOKEN}").as_bytes())),
        (
            "twice in one",
            bearer(format!("{TOKEN}, {TOKEN}").as_bytes()),
        ),
        ("wrong", bearer("s3cret-tök€N".as_bytes())),
        ("ASCII", bearer(b"s3cret-token")),
        ("Latin-1", bearer(b"s3cret-t\xf6k\x80n")),
        ("not UTF-8", bearer(b"\xff\xfe")),
        ("huge", bearer(&[b'x'; 64 << 10])),
        ("another case", right.to_ascii_lowercase()),
        ("another scheme", [b"Basic ", TOKEN.as_bytes()].concat()),
        ("no scheme", TOKEN.as_bytes().to_vec()),
    ];
    for (what, wrong) in &each {
        assert_eq!(answer("/health", &[wrong]).await, public, "{what}");
        for (first, second) in [(&right, wrong), (wrong, &right)] {
            let both = answer("/health", &[first, second]).await;
            assert_eq!(both, public, "{what}, beside the right one");
        }
    }
    assert_eq!(answer("/health", &[&right, &right]).await, public, "twice");
    let in_query =
        "/health?token=s3cret-t%C3%B6k%E2%82%ACn&authorization=Bearer%20s3cret-t%C3%B6k%E2%82%ACn";
    assert_eq!(answer(in_query, &[]).await, public, "in the query");
    let (status, _, body) = answer("/health", &[&right]).await;
    assert_eq!(
        (status, &body["checks"]["database"]["error"]),
        (public.0, &SECRET.into())
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_probes_cause_no_check() {
    let database = Dependency::new(Mood::Up);
    let health = Health::builder()
        .check(database.check("database"))
        .start()
        .unwrap();
    let service = health.service();
    time::sleep(MS(50)).await;
    let before = database.asked();
    let probes = (0..10_000).map(|_| probe(&service, "/readyz"));
    let answers = futures::future::join_all(probes).await;
    assert!(answers.iter().all(|(status, ..)| *status == 200));
    assert_eq!((before, database.asked()), (1, 1));
    // Ten intervals of a second, a tenth more or less.
    time::sleep(MS(10_000)).await;
    assert!(
        (10..=12).contains(&database.asked()),
        "{}",
        database.asked()
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_turns_after_so_many_and_goes_stale_when_it_is_not_asked() {
    let database = Dependency::new(Mood::Up);
    let health = Health::builder()
        .check(database.check("database").failures(3).successes(2))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    let after = async |mood, answers: usize| {
        database.set(mood);
        let upto = database.asked() + answers;
        while database.asked() < upto {
            time::sleep(MS(10)).await;
        }
        time::sleep(MS(10)).await;
        health.status()
    };
    assert_eq!(after(Mood::Down, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 2).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 1).await, Status::Unhealthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Unhealthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Healthy);
}

#[test]
fn a_result_that_nobody_renews_is_unknown() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let asking = runtime();
    let health = asking.block_on(async {
        let health = Health::builder()
            .check(Dependency::new(Mood::Up).check("database"))
            .start()
            .unwrap();
        time::sleep(MS(50)).await;
        assert_eq!(health.status(), Status::Healthy);
        health
    });
    // The runtime that asked is gone; the probes are served by another, an hour later.
    drop(asking);
    runtime().block_on(async {
        time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(health.status(), Status::Unknown);
        assert_eq!(probe(&health.service(), "/readyz").await.0, 503);
        assert_eq!(
            json(&probe(&health.service(), "/health").await.2)["checks"]["database"],
            "unknown"
        );
    });
}

#[tokio::test]
async fn without_checks_it_is_ready_and_bad_checks_fail_at_start() {
    let health = Health::builder().start().unwrap();
    assert_eq!(probe(&health.service(), "/readyz").await.0, 200);
    assert_eq!(probe(&health.service(), "/startupz").await.0, 200);
    let check = || Dependency::new(Mood::Up).check("database");
    for (check, field, value) in [
        (
            Dependency::new(Mood::Up).check("Data base"),
            "health.check",
            "Data base",
        ),
        (Dependency::new(Mood::Up).check(""), "health.check", ""),
        (
            check().timeout(Duration::ZERO),
            "health.database.timeout",
            "0ns",
        ),
        (
            check().interval(Duration::ZERO),
            "health.database.interval",
            "0ns",
        ),
        (check().failures(0), "health.database.failures", "0"),
        (check().successes(0), "health.database.successes", "0"),
    ] {
        let error = Health::builder().check(check).start().unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
    let error = Health::builder()
        .check(check())
        .check(check())
        .start()
        .unwrap_err();
    assert_eq!((error.field(), error.value()), ("health.check", "database"));
    for (path, of) in [
        ("health", "/health"),
        ("/x", "/nothing"),
        ("/livez", "/health"),
        ("/a/", "/health"),
        ("/{x}", "/health"),
    ] {
        assert_eq!(
            health.service().alias(path, of).unwrap_err().field(),
            "health.alias"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_application_probes_are_no_traffic_and_never_wait_for_a_check() {
    let hanging = Dependency::new(Mood::Hanging);
    let health = Health::builder()
        .check(hanging.check("database").timeout(MS(60_000)))
        .start()
        .unwrap();
    let vitals = with_health(health.service());
    let app: Router = Router::new().route("/", get(async || "hello"));
    // Beneath the layer and beside it.
    for app in [
        app.clone().merge(vitals.routes()).layer(vitals.layer()),
        app.layer(vitals.layer()).merge(vitals.routes()),
    ] {
        let before = vitals.metrics().totals().started;
        let server = Server::start(app).await;
        let mut client = server.http1();
        for (path, status) in [
            ("/livez", 200),
            ("/readyz", 503),
            ("/startupz", 503),
            ("/health/", 503),
            ("/v1/health", 503),
            ("/health/database", 503),
            ("/metrics", 200),
        ] {
            let response = client.get(path).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            response.into_body().collect().await.unwrap();
        }
        assert_eq!(vitals.metrics().totals().started, before);
        assert_eq!(client.text("/").await, "hello");
    }
    assert!(vitals.unused_patterns().is_empty());
}

/// An application with an endless stream open, run to its end after `begin`.
async fn shut_down(stay: bool) -> (tower_vitals::Drained, Duration) {
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(MS(100))
        .shutdown_deadline(MS(400))
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/endless",
            get(async || Body::from_stream(stream::pending::<Result<&'static str, Infallible>>())),
        )
        .layer(vitals.layer())
        .merge(vitals.routes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.drained());
    let running = tokio::spawn({
        let vitals = vitals.clone();
        async move { vitals.run(server).await.unwrap() }
    });
    let mut client = crate::support::client::Client::Http1(address, None);
    let endless = client.get("/endless").await.unwrap();
    assert_eq!(client_status(address, "/readyz").await, 200);
    let begun = time::Instant::now();
    health.drain();
    // Readiness fails at once and liveness stays, while requests are still taken.
    assert_eq!(client_status(address, "/readyz").await, 503);
    assert_eq!(client_status(address, "/livez").await, 200);
    if !stay {
        drop(endless);
        client.hang_up();
        settled(&vitals, |totals| totals.in_flight == 0).await;
        return (running.await.unwrap(), begun.elapsed());
    }
    let drained = running.await.unwrap();
    drop(endless);
    (drained, begun.elapsed())
}

async fn client_status(address: std::net::SocketAddr, path: &str) -> u16 {
    let mut client = crate::support::client::Client::Http1(address, None);
    let response: Response<_> = client.get(path).await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn an_endless_stream_ends_with_the_deadline_and_is_reported() {
    let (drained, took) = shut_down(true).await;
    assert_eq!(drained.unfinished, 1);
    assert!(took >= MS(400), "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_done_ends_before_the_deadline() {
    let (drained, took) = shut_down(false).await;
    assert_eq!(drained.unfinished, 0);
    assert!(took >= MS(100), "the delay was kept: {took:?}");
}

#[tokio::test]
async fn a_deadline_within_the_delay_fails_at_build() {
    let error = Vitals::builder()
        .isolated()
        .drain_delay(MS(500))
        .shutdown_deadline(MS(500))
        .build()
        .unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("shutdown_deadline", "500ms")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_said_by_hand_stays_until_something_else_is_said() {
    let health = Health::builder()
        .by_hand("queue", Role::Critical)
        .start()
        .unwrap();
    let service = health.service();
    assert_eq!(probe(&service, "/readyz").await.0, 503);
    assert!(health.set("queue", Status::Healthy, None));
    time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(probe(&service, "/readyz").await.0, 200);
    assert!(health.set("queue", Status::Unhealthy, Some(SECRET)));
    let (status, _, body) = probe(&service, "/health").await;
    assert!(status == 503 && !body.contains("secret"), "{body}");
    assert!(!health.set("nobody", Status::Healthy, None));
}

#[tokio::test]
async fn a_busy_pool_is_not_a_dead_database_and_a_port_is_open_or_not() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (open, nobody) = (listener.local_addr().unwrap(), closed.local_addr().unwrap());
    drop(closed);
    let redis = redis::Client::open(format!("redis://{nobody}")).unwrap();
    let health = Health::builder()
        .check(Check::sqlx("database", pool.clone()).interval(MS(20)))
        .check(Check::tcp("open", open).interval(MS(20)))
        .check(Check::tcp("closed", nobody).interval(MS(20)))
        .check(Check::redis("redis", redis).interval(MS(20)))
        .start()
        .unwrap();
    let becomes = async |name: &str, status: Status| {
        let look = || {
            let reports = health.reports();
            let report = reports.into_iter().find(|report| *report.name == *name)?;
            (report.status == status).then_some(())
        };
        let found = crate::support::waiting::eventually(look).await;
        assert!(found.is_some(), "{name} never became {status:?}");
    };
    becomes("open", Status::Healthy).await;
    becomes("closed", Status::Unhealthy).await;
    becomes("redis", Status::Unhealthy).await;
    becomes("database", Status::Healthy).await;
    let busy = pool.acquire().await.unwrap();
    becomes("database", Status::Degraded).await;
    drop(busy);
    becomes("database", Status::Healthy).await;
    pool.close().await;
    becomes("database", Status::Unhealthy).await;
}

#[tokio::test]
async fn grpc_health_says_what_the_probes_say() {
    use crate::health_client::{
        HealthCheckRequest, HealthListRequest, health_check_response::ServingStatus,
        health_client::HealthClient,
    };
    use ServingStatus::{NotServing, ServiceUnknown, Serving};
    let database = Dependency::new(Mood::Hanging);
    let check = database.check("database").interval(MS(20)).timeout(MS(200));
    let health = Health::builder().check(check).start().unwrap();
    let grpc = health.grpc(&["shop.v1.Prices"]);
    let app = Router::new().route_service("/grpc.health.v1.Health/{*method}", grpc);
    let server = Server::start(app).await;
    let client = HealthClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    let asking = |service: &str| HealthCheckRequest {
        service: service.into(),
    };
    let check = async |service: &str| {
        let said = client.clone().check(asking(service)).await;
        said.map(|said| said.get_ref().status())
            .map_err(|status| status.code())
    };
    // Nobody has answered yet.
    for (service, status) in [
        ("", Ok(NotServing)),
        ("readiness", Ok(NotServing)),
        ("shop.v1.Prices", Ok(NotServing)),
        ("liveness", Ok(Serving)),
        ("nobody", Err(tonic::Code::NotFound)),
    ] {
        assert_eq!(check(service).await, status, "{service}");
    }
    let watch = async |service: &str| {
        client
            .clone()
            .watch(asking(service))
            .await
            .unwrap()
            .into_inner()
    };
    let mut prices = watch("shop.v1.Prices").await;
    let mut nobody = watch("nobody").await;
    let said = |message: Result<
        Option<crate::health_client::HealthCheckResponse>,
        tonic::Status,
    >| message.unwrap().map(|said| said.status());
    assert_eq!(said(prices.message().await), Some(NotServing));
    assert_eq!(said(nobody.message().await), Some(ServiceUnknown));
    database.set(Mood::Up);
    assert_eq!(said(prices.message().await), Some(Serving));
    assert_eq!(check("").await, Ok(Serving));
    database.set(Mood::Down);
    assert_eq!(said(prices.message().await), Some(NotServing));
    let list = client
        .clone()
        .list(HealthListRequest {})
        .await
        .unwrap()
        .into_inner();
    let list: std::collections::BTreeMap<_, _> = list
        .statuses
        .iter()
        .map(|(name, said)| (name.as_str(), said.status()))
        .collect();
    assert_eq!(
        list,
        [
            ("", NotServing),
            ("liveness", Serving),
            ("readiness", NotServing),
            ("shop.v1.Prices", NotServing)
        ]
        .into()
    );
    database.set(Mood::Up);
    assert_eq!(said(prices.message().await), Some(Serving));
    // Draining is said, and then every stream ends.
    health.drain();
    assert_eq!(said(prices.message().await), Some(NotServing));
    assert_eq!(said(prices.message().await), None);
    assert_eq!(said(nobody.message().await), None);
    assert_eq!(check("").await, Ok(NotServing));
    assert_eq!(check("liveness").await, Ok(Serving));
}

#[tokio::test]
async fn changes_are_told_once_each() {
    let up = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&up);
    let check = Check::new("database", move || {
        let up = own.load(Ordering::Relaxed);
        async move { if up { Ok(()) } else { Err("down") } }
    });
    let health = Health::builder()
        .check(check.interval(MS(5)))
        .start()
        .unwrap();
    let mut changes = health.changes();
    let mut service = health.service();
    changes.changed().await.unwrap();
    up.store(false, Ordering::Relaxed);
    changes.changed().await.unwrap();
    assert_eq!(health.status(), Status::Unhealthy);
    let response = service
        .call(Request::builder().uri("/readyz").body(()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(health.reports()[0].error.as_deref(), Some("down"));
}
