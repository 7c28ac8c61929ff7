//! Does not observe excluded requests, and excludes no other request.

mod routes;
mod rules;

use std::{
    convert::Infallible,
    future::{pending, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    routing::{any, get},
};
use futures::stream;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    Vitals,
    exchange::Exchange,
    exclude::{ExcludeLayer, Patterns},
};

use crate::support::{
    exposition::Exposition,
    requests,
    server::Server,
    waiting::{eventually, settled},
};

fn excluding(patterns: &[&str]) -> Vitals {
    Vitals::builder()
        .isolated()
        .exclude(patterns.iter().copied())
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_excluded_request_has_no_id_no_timing_and_one_counter() {
    let vitals = excluding(&["/health"]);
    async fn health(request: Request) -> &'static str {
        assert!(request.headers().get("x-request-id").is_none());
        assert!(Exchange::current().is_none());
        "healthy"
    }
    let app = Router::new()
        .route("/health", get(health))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let response = server.http1().get("/health?verbose=1").await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("x-request-id").is_none());
    response.into_body().collect().await.unwrap();
    let totals = settled(&vitals, |totals| totals.excluded == 1).await;
    assert_eq!(
        (totals.started, totals.in_flight, totals.excluded_errors),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn what_fails_on_an_excluded_path_is_not_lost() {
    let vitals = excluding(&["/health/"]);
    let app = Router::new()
        .route("/health/503", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/health/panic", get(async || -> () { panic!("as asked") }))
        .route(
            "/health/body",
            get(async || {
                Body::from_stream(stream::iter([
                    Ok("a"),
                    Err(std::io::Error::other("broken")),
                ]))
            }),
        )
        .route("/health/404", get(async || StatusCode::NOT_FOUND))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    for path in [
        "/health/503",
        "/health/panic",
        "/health/body",
        "/health/404",
    ] {
        if let Ok(response) = server.http1().get(path).await {
            let _ = response.into_body().collect().await;
        }
    }
    let totals = settled(&vitals, |totals| totals.excluded == 4).await;
    assert_eq!((totals.started, totals.excluded_errors), (0, 3));
    let scrape = Exposition::of(&vitals);
    let labels = [("category", "server_error"), ("endpoint", "excluded")];
    assert_eq!(scrape.sum("errors_total", &labels), 3.0);
    assert_eq!(scrape.sum("http_requests_excluded_total", &[]), 4.0);
    assert_eq!(scrape.sum("http_requests_total", &[]), 0.0);
}

#[tokio::test]
async fn a_call_that_fails_on_an_excluded_path_is_not_lost() {
    let vitals = excluding(&["/grpc.health.v1.Health/"]);
    // The HTTP status is 200, whatever the trailers hold.
    let service = vitals
        .layer()
        .layer(service_fn(|request: hyper::Request<()>| async move {
            let code = request.headers()["code"].clone();
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), code)]);
            let body = Full::<Bytes>::from("a message").with_trailers(ready(Some(Ok(trailers))));
            let response = Response::builder().header("content-type", "application/grpc");
            Ok::<_, Infallible>(response.body(body).unwrap())
        }));
    for code in ["0", "13", "5"] {
        let request = hyper::Request::post("/grpc.health.v1.Health/Check")
            .header("content-type", "application/grpc")
            .header("code", code);
        let response = service.clone().oneshot(request.body(()).unwrap()).await;
        response.unwrap().into_body().collect().await.unwrap();
    }
    let totals = vitals.metrics().totals();
    assert_eq!((totals.excluded, totals.excluded_errors), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_misses_its_deadline_on_an_excluded_path_is_not_lost() {
    let vitals = excluding(&["/grpc.health.v1.Health/"]);
    let service = vitals.layer().layer(service_fn(|_: hyper::Request<()>| {
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    }));
    for patience in [500, 1_000] {
        let request = hyper::Request::post("/grpc.health.v1.Health/Watch")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", "1S");
        let call = service.clone().oneshot(request.body(()).unwrap());
        let left = tokio::time::timeout(Duration::from_millis(patience), call).await;
        assert!(left.is_err());
    }
    let totals = vitals.metrics().totals();
    assert_eq!((totals.excluded, totals.excluded_errors), (2, 1));
}

#[tokio::test]
async fn a_request_that_reaches_the_admin_is_never_excluded() {
    let vitals = excluding(&["/health"]);
    let app = Router::new()
        .route("/health", any(async || "healthy"))
        .fallback(any(async || "admin"))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let long = format!("/health{}", "/../a".repeat(12_000));
    let mut sent = 0;
    for target in [
        "//health",
        "/health/..//admin",
        "/health/../admin",
        "/%68ealth",
        "/health%2f..%2fadmin",
        "/health;x=1",
        "/HEALTH",
        "/healthy-admin",
        "/api/health",
        "/health/./x",
        "*",
        long.as_str(),
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let request = format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = server.raw(request).await;
        if answer.starts_with(b"HTTP/1.1 200 ") {
            sent += 1;
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.excluded, totals.started), (0, sent));
    assert!(sent >= 11, "only {sent} reached the service");
    // The absolute form and a query do not change the path: it is still the probe.
    for target in ["http://evil/health", "/health?/admin"] {
        server
            .raw(format!(
                "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            ))
            .await;
    }
    settled(&vitals, |totals| totals.excluded == 2).await;
}

#[tokio::test]
async fn a_nested_routers_prefix_counts() {
    let vitals = excluding(&["/api/ping"]);
    let inner = Router::new()
        .route("/ping", get(async || ()))
        .layer(vitals.layer());
    let app = Router::new().nest("/api", inner.clone()).merge(inner);
    for path in ["/api/ping", "/ping"] {
        let request = requests::get(path);
        app.clone().oneshot(request).await.unwrap();
    }
    let totals = vitals.metrics().totals();
    assert_eq!((totals.excluded, totals.started), (1, 1));
}

#[tokio::test]
async fn a_nested_routers_prefix_counts_around_a_wrapped_layer() {
    use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};
    let theirs = ExcludeLayer::new(
        SetRequestIdLayer::x_request_id(MakeRequestUuid),
        Patterns::new(["/api/ping"]).unwrap(),
    );
    let inner = Router::new().route("/ping", get(has_id)).layer(theirs);
    let app = Router::new().nest("/api", inner.clone()).merge(inner);
    for (path, seen) in [("/api/ping", "false"), ("/ping", "true")] {
        let request = requests::get(path);
        let response = app.clone().oneshot(request).await.unwrap();
        let body = requests::text(response.into_body()).await;
        assert_eq!(body, seen, "{path}");
    }
}

#[tokio::test]
async fn whichever_layer_excludes_first_one_counter_counts() {
    use tower_vitals::{AccessLogLayer, RequestIdLayer, TimingLayer, metrics::Settings};
    let excluded = || Patterns::new(["/health/"]).unwrap();
    // Which of the layers exclude: the one outside, the one that counts, both.
    for (outside, counting) in [(true, false), (false, true), (true, true)] {
        let metrics = Settings::new().isolated().unwrap();
        let of = |on: bool| if on { excluded() } else { Patterns::default() };
        let app = Router::new()
            .route("/health/ok", get(has_id))
            .route("/health/503", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .route("/health/panic", get(async || -> () { panic!("as asked") }))
            .layer(AccessLogLayer::new())
            .layer(
                TimingLayer::new()
                    .metrics(metrics.clone())
                    .exclude(of(counting)),
            )
            .layer(RequestIdLayer::new().exclude(of(outside)));
        let server = Server::start(app).await;
        for path in ["/health/ok", "/health/503", "/health/panic"] {
            if let Ok(response) = server.http1().get(path).await {
                let _ = response.into_body().collect().await;
            }
        }
        let counted = || Some(metrics.totals()).filter(|totals| totals.excluded == 3);
        let totals = eventually(counted).await.unwrap();
        assert_eq!(
            (totals.started, totals.excluded_errors, totals.in_flight),
            (0, 2, 0),
            "{outside} {counting}"
        );
    }
}

#[tokio::test]
async fn what_one_layer_excludes_those_further_in_leave_alone() {
    let metrics = tower_vitals::metrics::Settings::new().isolated().unwrap();
    let outermost = tower_vitals::TimingLayer::new().metrics(metrics.clone());
    // A layer of another kind: only the exclusion can make it inactive.
    let app = Router::new()
        .route("/health", get(has_id))
        .layer(tower_vitals::RequestIdLayer::new())
        .layer(outermost.exclude(Patterns::new(["/health"]).unwrap()));
    let request = requests::get("/health");
    let response = app.oneshot(request).await.unwrap();
    assert!(!response.headers().contains_key("x-request-id"));
    let body = requests::text(response.into_body()).await;
    assert_eq!(body, "false");
    assert_eq!(metrics.totals().excluded, 1);
}

#[tokio::test]
async fn patterns_that_nothing_matched_are_the_applications_own() {
    let vitals = excluding(&["/health", "/helth"]);
    let app = Router::new()
        .route("/health", get(async || ()))
        .layer(vitals.layer());
    assert_eq!(vitals.unused_patterns(), ["/health", "/helth"]);
    let request = requests::get("/health");
    app.oneshot(request).await.unwrap();
    assert_eq!(vitals.unused_patterns(), ["/helth"]);
}

/// Whether the request has an id.
async fn has_id(request: Request) -> String {
    request.headers().contains_key("x-request-id").to_string()
}

#[tokio::test]
async fn axum_merge_takes_the_second_fallback_and_unknown_paths_are_counted_all_the_same() {
    for after in [true, false] {
        let vitals = excluding(&[]);
        let app: Router = Router::new().route("/", get(async || ()));
        let app = if after {
            app.layer(vitals.layer()).merge(vitals.routes())
        } else {
            app.merge(vitals.routes()).layer(vitals.layer())
        };
        let request = Request::builder().uri("/nowhere").body(Body::empty());
        let response = app.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 404);
        assert!(response.headers().contains_key("x-request-id"), "{after}");
        let scrape = Exposition::of(&vitals);
        let labels = [("endpoint", "unmatched"), ("status", "404")];
        assert_eq!(scrape.sum("http_requests_total", &labels), 1.0, "{after}");
    }
}

/// A slow reference: the rules of the documentation, pattern by pattern.
fn reference(patterns: &[String], path: &str) -> bool {
    let segments: Vec<&str> = path[1..].split('/').collect();
    let inner = &segments[..segments.len() - 1];
    let plain = !path.contains('%')
        && segments
            .iter()
            .all(|segment| *segment != "." && *segment != "..")
        && inner.iter().all(|segment| !segment.is_empty());
    plain
        && patterns.iter().any(|pattern| {
            let below = pattern.len() > 1 && pattern.ends_with('/');
            let wanted: Vec<&str> = pattern[1..].trim_end_matches('/').split('/').collect();
            let long_enough = if below {
                segments.len() >= wanted.len()
            } else {
                segments.len() == wanted.len()
            };
            long_enough
                && wanted.iter().zip(&segments).all(|(wanted, segment)| {
                    wanted == segment || (*wanted == "*" && !segment.is_empty())
                })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn exclusion_is_what_the_documentation_says(
        patterns in prop::collection::vec("(/[ab*]){1,3}/?|/", 0..6),
        path in "/([ab]|\\.\\.|\\.|%61|/|a/|b/){0,5}",
    ) {
        // Only the patterns that do not clash.
        let mut kept: Vec<String> = Vec::new();
        for pattern in patterns {
            kept.push(pattern);
            if Patterns::new(&kept).is_err() {
                kept.pop();
            }
        }
        let patterns = kept;
        let compiled = Patterns::new(&patterns).unwrap();
        prop_assert_eq!(compiled.matches(&path), reference(&patterns, &path), "{:?}", patterns);
    }
}

#[test]
fn thousands_of_patterns_are_not_scanned_one_by_one() {
    /// The shortest of five times to match a hundred thousand paths, half of which match.
    fn shortest(count: usize) -> Duration {
        let patterns = Patterns::new((0..count).map(|n| format!("/a{n}/*/b/"))).unwrap();
        let paths: Vec<_> = (0..100_000)
            .map(|n| format!("/a{}/x/b/c", n % (2 * count)))
            .collect();
        let times = (0..5).map(|_| {
            let began = Instant::now();
            let matched = paths.iter().filter(|path| patterns.matches(path)).count();
            assert_eq!(matched, 50_000);
            began.elapsed()
        });
        times.min().unwrap()
    }
    // A scan of all patterns would take a thousand times as long.
    let (few, many) = (shortest(10), shortest(10_000));
    assert!(many < few * 50, "{few:?} for 10, {many:?} for 10,000");
}

#[tokio::test]
async fn an_excluded_request_does_not_pass_through_a_wrapped_layer() {
    use tower::{Layer, service_fn};
    use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};
    let theirs = SetRequestIdLayer::x_request_id(MakeRequestUuid);
    let layer = ExcludeLayer::new(theirs, Patterns::new(["/livez"]).unwrap());
    let service = layer.layer(service_fn(|request: Request| async move {
        let seen = request.headers().contains_key("x-request-id");
        Ok::<_, Infallible>(axum::response::Response::new(Body::from(seen.to_string())))
    }));
    for (path, seen) in [("/livez", "false"), ("/", "true")] {
        let request = requests::get(path);
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(requests::text(response.into_body()).await, seen);
    }
}
