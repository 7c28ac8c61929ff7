//! Publishes exact numbers under labels that no client chooses.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::stream;
use http_body_util::{BodyExt, Full};
use tokio::time;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_vitals::{RequestIdLayer, TimingLayer, Vitals, exchange::Exchange, metrics::Names};

use crate::support::{exposition::Exposition, requests, server::Server, stacks::isolated};

/// A request for `path` through `app`, read to its end.
async fn send<S>(app: &S, method: &str, path: &str)
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: std::fmt::Debug,
{
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
}

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

/// A service whose endpoint is whatever stands in the request's extensions.
fn named()
-> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(|request: Request<()>| async move {
        let name = request.extensions().get::<&'static str>().unwrap();
        Exchange::current().unwrap().name_endpoint(name);
        Ok(Response::new(Full::default()))
    })
}

fn naming(name: &'static str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(name);
    request
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
    // No log: an event for each would hide the one that matters.
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

/// Panics on each event.
struct Panics;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Panics {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        std::panic::resume_unwind(Box::new(()));
    }
}

/// Fails before it takes a request.
struct NeverReady;

impl Service<Request<()>> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Pending<Result<Response<Full<Bytes>>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("no database"))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test]
async fn what_goes_wrong_around_requests_is_published() {
    use tracing_subscriber::layer::SubscriberExt;
    let vitals = Vitals::builder()
        .isolated()
        .request_id(RequestIdLayer::new().make_with(String::new))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(Panics);
    let _default = tracing::subscriber::set_default(subscriber);
    let service = vitals.layer().layer(named());
    service.oneshot(naming("/")).await.unwrap();
    let service = vitals.layer().layer(NeverReady);
    assert!(service.oneshot(Request::new(())).await.is_err());
    let scrape = Exposition::of(&vitals);
    for (name, labels) in [
        ("vitals_hook_failures_total", &[][..]),
        ("vitals_readiness_errors_total", &[]),
        ("vitals_dropped_total", &[("sink", "log")]),
    ] {
        assert_eq!(scrape.sum(name, labels), 1.0, "{name}");
    }
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
    // 200 to 599 and `unknown`.
    assert_eq!((statuses("/{status}"), statuses("overflow")), (8, 393));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_scrape_is_consistent_while_requests_run() {
    let vitals = isolated();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let app = Router::new()
                .route("/{n}", get(async || tokio::task::yield_now().await))
                .layer(vitals.layer());
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    send(&app, "GET", &format!("/{n}")).await;
                }
            })
        })
        .collect();
    let rendering = vitals.clone();
    let scrapes = thread::spawn(move || {
        let mut before = (0.0, 0.0);
        for _ in 0..200 {
            let scrape = Exposition::of(&rendering);
            let started = scrape.sum("http_requests_started_total", &[]);
            let ended = scrape.sum("http_request_outcomes_total", &[]);
            assert!(ended <= started, "{ended} of {started} ended");
            assert!(started >= before.0 && ended >= before.1, "went backwards");
            before = (started, ended);
        }
        before.1
    });
    let ended = tokio::task::spawn_blocking(|| scrapes.join().unwrap())
        .await
        .unwrap();
    assert!(ended > 0.0);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let scrape = Exposition::of(&vitals);
    let started = scrape.sum("http_requests_started_total", &[]);
    assert_eq!(scrape.sum("http_request_outcomes_total", &[]), started);
    assert_eq!(
        scrape.sum("http_request_duration_seconds_count", &[]),
        started
    );
    assert_eq!(scrape.sum("http_requests_in_flight", &[]), 0.0);
}

#[tokio::test]
async fn the_metrics_endpoint_answers_as_prometheus_asks() {
    let vitals = isolated();
    let server = Server::start(vitals.routes()).await;
    let answer = |head: &str| server.raw(format!("{head}connection: close\r\nhost: a\r\n\r\n"));
    let get = String::from_utf8(
        answer("GET /metrics HTTP/1.1\r\naccept: image/png;q=0.1, */nonsense\r\n").await,
    )
    .unwrap();
    let (head, body) = get.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{head}"
    );
    Exposition::parse(body).unwrap();
    let head = String::from_utf8(answer("HEAD /metrics HTTP/1.1\r\n").await).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ")
            && head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    let post = answer("POST /metrics HTTP/1.1\r\n").await;
    assert!(post.starts_with(b"HTTP/1.1 405 "));
}

#[tokio::test]
async fn a_storm_of_scrapes_is_told_to_come_back() {
    let vitals = isolated();
    let app: Router = vitals.routes();
    let ask = || app.clone().oneshot(requests::get("/metrics"));
    let mut unread = Vec::new();
    for _ in 0..4 {
        let response = ask().await.unwrap();
        assert_eq!(response.status(), 200);
        unread.push(response);
    }
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    // A reader that is done, or leaves, makes room.
    unread.pop();
    assert_eq!(ask().await.unwrap().status(), 200);
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

#[tokio::test(start_paused = true)]
async fn a_stream_of_an_hour_is_fast_and_its_length_has_a_histogram_of_its_own() {
    let vitals = isolated();
    let app = Router::new()
        .route(
            "/events",
            get(async || {
                time::sleep(Duration::from_millis(30)).await;
                Body::from_stream(stream::unfold(0, async |n| {
                    time::sleep(Duration::from_secs(360)).await;
                    (n < 10).then(|| (Ok::<_, Infallible>("tick"), n + 1))
                }))
            }),
        )
        .route("/plain", get(async || "known length"))
        .layer(vitals.layer());
    send(&app, "GET", "/events").await;
    send(&app, "GET", "/plain").await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.severity("normal"), 2.0);
    let events = [("endpoint", "/events")];
    // Ten ticks, the last silence, and the time to the head.
    assert_eq!(
        scrape.sum("http_response_body_duration_seconds_sum", &events),
        3_960.03
    );
    assert_eq!(
        scrape.sum("http_request_duration_seconds_sum", &events),
        0.03
    );
    assert_eq!(
        scrape.sum("http_response_body_duration_seconds_count", &[]),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_duration_on_an_edge_is_in_the_band_above_and_in_the_bucket_below() {
    let vitals = isolated();
    let app = Router::new()
        .route(
            "/{ms}",
            get(async |axum::extract::Path(ms): axum::extract::Path<u64>| {
                time::sleep(Duration::from_millis(ms)).await;
            }),
        )
        .layer(vitals.layer());
    for ms in [0, 99, 100, 499, 500, 1_999, 2_000, 5_000] {
        send(&app, "GET", &format!("/{ms}")).await;
    }
    let ten_years = 10 * 365 * 24 * 3_600 * 1_000_u64;
    send(&app, "GET", &format!("/{ten_years}")).await;
    let scrape = Exposition::of(&vitals);
    for (severity, count) in [
        ("normal", 2.0),
        ("slow", 2.0),
        ("warning", 2.0),
        ("critical", 3.0),
    ] {
        assert_eq!(scrape.severity(severity), count, "{severity}");
    }
    // `le` includes its edge, as Prometheus has it.
    for (le, count) in [
        ("0.005", 1.0),
        ("0.1", 3.0),
        ("0.5", 5.0),
        ("2", 7.0),
        ("5", 8.0),
        ("10", 8.0),
        ("+Inf", 9.0),
    ] {
        assert_eq!(
            scrape.sum("http_request_duration_seconds_bucket", &[("le", le)]),
            count,
            "{le}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn edges_of_the_applications_own_bands_are_edges_of_buckets() {
    let ms = Duration::from_millis;
    let bands = tower_vitals::timing::SeverityBands::new(ms(42), ms(420), ms(4_200)).unwrap();
    let vitals = Vitals::builder().isolated().bands(bands).build().unwrap();
    let app = Router::new()
        .route(
            "/",
            get(async || time::sleep(Duration::from_millis(42)).await),
        )
        .layer(vitals.layer());
    send(&app, "GET", "/").await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("http_request_duration_seconds_bucket", &[("le", "0.042")]),
        1.0
    );
    assert_eq!(
        scrape.sum("http_request_duration_seconds_bucket", &[("le", "0.025")]),
        0.0
    );
    assert_eq!(scrape.severity("slow"), 1.0);
    let edges = scrape.values("http_request_duration_seconds_bucket", "le");
    assert!(edges.contains("0.42") && edges.contains("4.2"), "{edges:?}");
}
