//! Takes no label from a client, and bounds the number of series.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    response::IntoResponse,
    routing::{any, get},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals, metrics::Names};

use super::{named, naming, send};
use crate::support::{exposition::Exposition, stacks::isolated};

#[tokio::test]
async fn whatever_a_client_sends_makes_no_new_series() {
    fastrand::seed(7);
    let vitals = isolated();
    let nested = Router::new().route("/{a}", get(async || ()));
    let elsewhere =
        service_fn(async |_: Request| Ok::<_, Infallible>(StatusCode::NOT_FOUND.into_response()));
    let app = Router::new()
        .route("/users/{id}", any(async || ()))
        .nest("/nested", nested)
        .nest_service("/files", elsewhere)
        .layer(vitals.layer());
    let word = || -> String { (0..12).map(|_| fastrand::alphanumeric()).collect() };
    for _ in 0..25_000 {
        for prefix in ["", "/nested/x", "/files", "/users/7"] {
            send(&app, "GET", &format!("{prefix}/{}", word())).await;
        }
    }
    for _ in 0..10_000 {
        send(&app, &word(), "/users/7").await;
    }
    for odd in ["get", "Get", &"X".repeat(100_000)] {
        send(&app, odd, "/users/7").await;
    }
    for _ in 0..10_000 {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = format!("http://{}.example/users/{}", word(), word())
            .parse()
            .unwrap();
        for name in [
            "host",
            "user-agent",
            "accept-language",
            "x-forwarded-for",
            "forwarded",
        ] {
            request.headers_mut().insert(name, word().parse().unwrap());
        }
        app.clone().oneshot(request).await.unwrap();
    }
    let scrape = Exposition::of(&vitals);
    let values = |label| scrape.values("http_requests_total", label);
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(values("endpoint"), words(&["/users/{id}", "unmatched"]));
    assert_eq!(values("method"), words(&["GET", "_OTHER"]));
    assert_eq!(scrape.sum("http_requests_total", &[]), 120_003.0);
    assert_eq!(
        scrape.sum("http_requests_total", &[("method", "_OTHER")]),
        10_003.0
    );
}

/// Counts the warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let warning = *event.metadata().level() == tracing::Level::WARN;
        self.0.fetch_add(warning.into(), Ordering::Relaxed);
    }
}

#[test]
fn a_million_endpoints_keep_the_cap_the_totals_and_one_warning() {
    use tracing_subscriber::layer::SubscriberExt;
    const CAP: usize = 50;
    const ENDPOINTS: usize = 1_000_000;
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _default = tracing::subscriber::set_default(subscriber);
    let vitals = Vitals::builder()
        .isolated()
        .endpoint_cap(CAP)
        .build()
        .unwrap();
    // No log layer: an event for each request would hide the warning.
    let service = TimingLayer::new()
        .metrics(vitals.metrics().clone())
        .layer(named());
    let ask = |name| futures::executor::block_on(service.clone().oneshot(naming(name))).unwrap();
    let first = "/0";
    for n in 0..ENDPOINTS {
        ask(String::leak(format!("/{n}")));
    }
    for _ in 0..10 {
        ask(first);
    }
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.values("http_requests_total", "endpoint").len(),
        CAP + 1
    );
    assert_eq!(
        scrape.sum("http_requests_total", &[]),
        (ENDPOINTS + 10) as f64
    );
    assert_eq!(
        scrape.sum("http_requests_total", &[("endpoint", first)]),
        11.0,
        "still counting"
    );
    let overflow = (ENDPOINTS - CAP) as f64;
    assert_eq!(
        scrape.sum("http_requests_total", &[("endpoint", "overflow")]),
        overflow
    );
    assert_eq!(scrape.sum("vitals_overflow_total", &[]), overflow);
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn statuses_that_a_handler_lets_the_client_choose_are_capped_too() {
    let vitals = Vitals::builder()
        .isolated()
        .endpoint_cap(1)
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/{status}",
            any(
                async |axum::extract::Path(status): axum::extract::Path<u16>| {
                    StatusCode::from_u16(status).unwrap()
                },
            ),
        )
        .layer(vitals.layer());
    for status in 200..1_000 {
        send(&app, "GET", &format!("/{status}")).await;
    }
    let scrape = Exposition::of(&vitals);
    let statuses = |endpoint| {
        let samples = scrape.samples.keys();
        samples
            .filter(|(name, labels)| {
                name == "http_requests_total" && labels["endpoint"] == endpoint
            })
            .count()
    };
    // 200 to 599 and `unknown`. The 500 of the route is there from its first request on.
    assert_eq!((statuses("/{status}"), statuses("overflow")), (9, 393));
    assert_eq!(scrape.sum("http_requests_total", &[]), 800.0);
    assert_eq!(
        scrape.sum("http_requests_total", &[("status", "unknown")]),
        400.0
    );
}

#[test]
fn hostile_label_values_come_back_as_they_went_in() {
    let vitals = isolated();
    let service = vitals.layer().layer(named());
    let megabyte: &'static str = String::leak("x".repeat(1_000_000));
    let hostile = [
        "\"",
        "\\",
        "\n",
        "\r",
        "\0",
        "}",
        "{",
        "a\\nb",
        "\u{2028}",
        "le",
        "a\"} 1\nevil_total 7",
        megabyte,
        "",
    ];
    for name in hostile {
        futures::executor::block_on(service.clone().oneshot(naming(name))).unwrap();
    }
    let text = vitals.render();
    let scrape = Exposition::parse(&text).unwrap();
    let endpoints = scrape.values("http_requests_total", "endpoint");
    assert_eq!(
        endpoints,
        hostile.iter().map(|name| (*name).to_owned()).collect()
    );
    assert!(!scrape.types.contains_key("evil_total"));
}

#[tokio::test]
async fn opentelemetry_names_are_a_preset() {
    let vitals = Vitals::builder()
        .isolated()
        .names(Names::OpenTelemetry)
        .scheme("https")
        .build()
        .unwrap();
    let app = Router::new()
        .route("/ok", get(async || ()))
        .route("/fail", get(async || StatusCode::BAD_GATEWAY))
        .layer(vitals.layer());
    send(&app, "GET", "/ok").await;
    send(&app, "GET", "/fail").await;
    let scrape = Exposition::of(&vitals);
    let count = |labels: &[_]| scrape.sum("http_server_request_duration_seconds_count", labels);
    let ok = [
        ("http_request_method", "GET"),
        ("http_route", "/ok"),
        ("http_response_status_code", "200"),
        ("url_scheme", "https"),
    ];
    assert_eq!(count(&ok), 1.0);
    assert_eq!(
        count(&[("http_route", "/fail"), ("error_type", "502")]),
        1.0
    );
    assert_eq!(
        scrape
            .values("http_server_request_duration_seconds_count", "error_type")
            .len(),
        1
    );
    assert_eq!(
        scrape.sum(
            "http_server_active_requests",
            &[("http_request_method", "GET")]
        ),
        0.0
    );
    assert!(!scrape.types.contains_key("http_requests_total"));
    assert!(!scrape.types.contains_key("http_request_duration_seconds"));
}
