//! Answers each probe in the asked format, and never runs a check for it.

use axum::{Router, body::Body, extract::Request, routing::get};
use http_body_util::BodyExt;
use hyper::StatusCode;
use tokio::time;
use tower::ServiceExt;
use tower_vitals::health::{Health, Role, Status};

use super::{Dependency, MS, Mood, ask, json, probe};
use crate::support::{server::Server, stacks::with_health};

#[tokio::test(start_paused = true)]
async fn probes_show_the_last_answers() {
    let (database, cache) = (Dependency::new(Mood::Up), Dependency::new(Mood::Up));
    let health = Health::builder()
        .check(database.check("database").healthy_label("connected"))
        .check(cache.check("cache").role(Role::Optional))
        .start()
        .unwrap();
    let service = health.service();
    // No check has answered yet.
    assert_eq!(probe(&service, "/readyz").await.0, 503);
    assert_eq!(probe(&service, "/startupz").await.0, 503);
    assert_eq!(
        probe(&service, "/livez").await,
        (200, "text/plain; charset=utf-8".into(), "ok".into())
    );
    time::sleep(MS(50)).await;
    let (status, kind, body) = probe(&service, "/health").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let report = json(&body);
    assert_eq!(report["status"], "healthy");
    assert_eq!(
        report["checks"],
        serde_json::json!({"database": "connected", "cache": "available"})
    );
    let timestamp = report["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert_eq!(probe(&service, "/readyz").await.2, "ok");
    assert_eq!(probe(&service, "/startupz").await.0, 200);

    // A failed optional check means degraded; a failed critical check means unhealthy.
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
        .degraded_status(StatusCode::SERVICE_UNAVAILABLE)
        .unwrap();
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
        // Once started, it stays started.
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
        "/health/data%62ase",
        "/health?format=health%2Bjson",
        "/health?%66ormat=JSON",
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
        ("health%2Bjson", "application/health+json"),
        ("health%2bJSON", "application/health+json"),
        ("%74ext", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(
            probe(&service, &format!("/readyz?format={format}")).await.1,
            kind
        );
    }
    for (query, listed) in [
        ("verbose", true),
        ("verbose=", true),
        ("verbose=1", true),
        ("v%65rbose=TRUE", true),
        ("verbose=FALSE", false),
        ("verbose=%66alse", false),
        ("verbose=0", false),
    ] {
        let (.., body) = probe(&service, &format!("/readyz?{query}")).await;
        assert_eq!(body.contains("[+]database ok"), listed, "{query}");
    }
    let (.., body) = probe(&service, "/readyz?verbose&e%78clude=data%62ase").await;
    assert!(!body.contains("database"), "{body}");
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
    // Ten intervals of one second, each up to a tenth longer or shorter.
    time::sleep(MS(10_000)).await;
    assert!(
        (10..=12).contains(&database.asked()),
        "{}",
        database.asked()
    );
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
    // The probes are once inside the layer and once beside it.
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

#[tokio::test]
async fn only_the_startup_probe_decides_that_the_service_has_started() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    let service = health.service();
    health.set("queue", Status::Healthy, None);
    // Others look, and the service is well.
    assert_eq!(probe(&service, "/readyz").await.0, 200);
    assert_eq!(health.status(), Status::Healthy);
    health.set("queue", Status::Unhealthy, None);
    assert_eq!(probe(&service, "/startupz").await.0, 503);
    health.set("queue", Status::Healthy, None);
    assert_eq!(probe(&service, "/startupz").await.0, 200);
    health.set("queue", Status::Unhealthy, None);
    assert_eq!(
        probe(&service, "/startupz").await.0,
        200,
        "it never goes back"
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_decide_readiness_holds_no_start_up() {
    let (database, cache) = (Dependency::new(Mood::Up), Dependency::new(Mood::Down));
    let health = Health::builder()
        .check(database.check("database"))
        .check(cache.check("cache").role(Role::Optional).failures(3))
        .manual("mode", Role::Informational)
        .start()
        .unwrap();
    assert!(!health.is_started());
    assert_eq!(probe(&health.service(), "/startupz").await.0, 503);
    time::sleep(MS(50)).await;
    let unknown = |name: usize| health.reports()[name].status == Status::Unknown;
    assert!(unknown(1) && unknown(2));
    assert_eq!(probe(&health.service(), "/startupz").await.0, 200);
    assert!(health.is_started());
}
