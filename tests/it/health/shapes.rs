//! Answers where the application wants it, in the words and the JSON that it wants.

use axum::{Router, http::StatusCode};
use serde_json::{Value, json};
use tokio::time;
use tower_vitals::{
    Vitals,
    health::{Details, Health, HealthService, Role, Shape},
};

use super::{Dependency, MS, Mood, probe};
use crate::support::{server::Server, stacks::with_health};

/// The probes of a database and a cache, after their first answers.
async fn probes(database: Mood, cache: Mood) -> HealthService {
    let (database, cache) = (Dependency::new(database), Dependency::new(cache));
    let health = Health::builder()
        .check(database.check("database").healthy_label("connected"))
        .check(cache.check("cache").role(Role::Optional))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    health.service()
}

async fn answer(service: &HealthService, path: &str) -> (u16, Value) {
    let (status, kind, body) = probe(service, path).await;
    assert_eq!(kind, "application/json", "{path}");
    let mut body = super::json(&body);
    for time in [
        "/timestamp",
        "/services/database/timestamp",
        "/services/cache/timestamp",
    ] {
        if let Some(time) = body.pointer_mut(time) {
            assert_eq!(time.as_str().map(str::len), Some(24), "{path}");
            *time = "T".into();
        }
    }
    (status, body)
}

#[tokio::test(start_paused = true)]
async fn the_guides_find_their_paths_and_shapes() {
    let g0 = |status: &str, database: &str, cache: &str| json!({"status": status, "timestamp": "T", "checks": {"database": database, "cache": cache}});
    let g4 = |status: &str, database: &str, cache: &str| {
        let one = |status: &str| json!({"status": status, "timestamp": "T"});
        json!({"status": status, "services": {"database": one(database), "cache": one(cache)}})
    };
    let well = probes(Mood::Up, Mood::Up).await.guides();
    let degraded = probes(Mood::Up, Mood::Down).await.guides();
    let bad = probes(Mood::Down, Mood::Up).await.guides();
    for (service, path, expected) in [
        (
            &well,
            "/v1/health",
            (200, g0("healthy", "connected", "available")),
        ),
        (
            &well,
            "/api/v1/health",
            (200, g0("healthy", "connected", "available")),
        ),
        (
            &well,
            "/health/",
            (
                200,
                json!({"status": "ok", "checks": {"database": "ok", "cache": "ok"}}),
            ),
        ),
        (&well, "/health", (200, json!({"status": "ok"}))),
        (
            &well,
            "/health/db",
            (200, json!({"status": "ok", "database": "connected"})),
        ),
        (
            &well,
            "/api/health/",
            (200, g4("healthy", "healthy", "healthy")),
        ),
        (
            &degraded,
            "/v1/health",
            (200, g0("degraded", "connected", "unavailable")),
        ),
        (
            &degraded,
            "/health/",
            (
                200,
                json!({"status": "degraded", "checks": {"database": "ok", "cache": "error"}}),
            ),
        ),
        (
            &degraded,
            "/api/health",
            (200, g4("degraded", "healthy", "critical")),
        ),
        (
            &bad,
            "/v1/health/",
            (503, g0("unhealthy", "unavailable", "available")),
        ),
        (
            &bad,
            "/health/",
            (
                503,
                json!({"status": "degraded", "checks": {"database": "error", "cache": "ok"}}),
            ),
        ),
        (&bad, "/health", (503, json!({"status": "error"}))),
        (
            &bad,
            "/health/db",
            (503, json!({"status": "error", "database": "unavailable"})),
        ),
        (
            &bad,
            "/api/health",
            (503, g4("critical", "critical", "healthy")),
        ),
    ] {
        assert_eq!(answer(service, path).await, expected, "{path}");
    }
    assert_eq!(probe(&bad, "/ping").await.2, "ok");
    // Who asks for a format gets it.
    assert_eq!(probe(&well, "/health?format=text").await.2, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_alias_has_the_words_the_code_and_the_errors_that_were_chosen() {
    let shape = Shape::flat()
        .words("up", "limping", "down")
        .check_words("yes", "partly", "no")
        .timestamp()
        .failing_status(StatusCode::INTERNAL_SERVER_ERROR);
    let bad = probes(Mood::Down, Mood::Degraded).await;
    let bad = bad.alias_as("/status", "/readyz", shape).unwrap();
    let hidden = json!({"status": "down", "timestamp": "T", "database": "no", "cache": "partly"});
    assert_eq!(answer(&bad, "/status").await, (500, hidden));
    let shown = bad.details(Details::Public).unwrap();
    let (_, body) = answer(&shown, "/status").await;
    assert_eq!(body["database"], format!("no: {}", super::SECRET));
    assert_eq!(body["cache"], "partly: half of it");
    assert_eq!(probe(&shown, "/readyz").await.0, 503, "only the alias");
}

#[tokio::test]
async fn probes_move_below_a_base_and_single_paths_go() {
    let health = Health::builder()
        .check(Dependency::new(Mood::Up).check("database"))
        .start()
        .unwrap();
    let service = health
        .service()
        .alias("/status", "/health/database")
        .unwrap();
    let service = service
        .without("/startupz")
        .unwrap()
        .base("/internal")
        .unwrap();
    let vitals = with_health(service);
    let app = Router::new().layer(vitals.layer()).merge(vitals.routes());
    let server = Server::start(app).await;
    crate::support::waiting::eventually(|| health.is_started().then_some(()))
        .await
        .unwrap();
    let mut client = server.http1();
    for path in [
        "/internal/livez",
        "/internal/readyz/",
        "/internal/health",
        "/internal/health/database",
        "/status",
    ] {
        assert_eq!(client.get(path).await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(vitals.metrics().totals().started, 0, "no probe is traffic");
    for path in [
        "/livez",
        "/readyz",
        "/health",
        "/health/database",
        "/internal/startupz",
        "/v1/health",
    ] {
        assert_eq!(client.get(path).await.unwrap().status(), 404, "{path}");
    }
    let without = health.service().without("/health/{check}").unwrap();
    assert_eq!(probe(&without, "/health/database").await.0, 404);
    assert_eq!(probe(&without, "/health").await.0, 200);
}

#[tokio::test]
async fn paths_and_shapes_that_clash_fail_with_their_value() {
    let service = || Health::builder().start().unwrap().service();
    let own = || service().alias("/a", "/livez").unwrap();
    let shaped = |shape| service().alias_as("/a", "/health", shape);
    let flat = Shape::flat;
    for (result, field, value) in [
        (own().alias("/a", "/readyz"), "health.alias", "/a"),
        (own().alias("/readyz", "/health"), "health.alias", "/readyz"),
        (own().alias("a", "/health"), "health.alias", "a"),
        (own().alias("/b/", "/health"), "health.alias", "/b/"),
        (own().alias("/{b}", "/health"), "health.alias", "/{b}"),
        (own().alias("/b//c", "/health"), "health.alias", "/b//c"),
        (own().alias("/b", "/a"), "health.alias", "/a"),
        (own().without("/b"), "health.without", "/b"),
        (own().base("internal"), "health.base", "internal"),
        (own().base("/"), "health.base", "/"),
        (own().base("/*"), "health.base", "/*"),
        (
            own().alias("/b/livez", "/livez").unwrap().base("/b"),
            "health.base",
            "/b",
        ),
        (shaped(flat().words("ok", "", "error")), "health.shape", ""),
        (shaped(Shape::below(" ")), "health.shape", ""),
        (shaped(Shape::below("status")), "health.shape", "status"),
        (shaped(flat().words("ok", "ok", "ok")), "health.shape", "ok"),
        (
            shaped(flat().failing_status(StatusCode::OK)),
            "health.shape",
            "200",
        ),
    ] {
        let error = result.unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
    // What is there by default may be replaced, and what was taken away may come again.
    let replaced = service().alias("/v1/health", "/livez").unwrap();
    let again = replaced
        .without("/health")
        .unwrap()
        .alias("/health", "/livez");
    let at_metrics = again.unwrap().alias("/metrics", "/livez").unwrap();
    let error = Vitals::builder()
        .isolated()
        .health(at_metrics.clone())
        .build();
    let error = error.unwrap_err();
    assert_eq!((error.field(), error.value()), ("health.alias", "/metrics"));
    let elsewhere = at_metrics.without("/metrics").unwrap();
    Vitals::builder()
        .isolated()
        .health(elsewhere)
        .build()
        .unwrap();
}
