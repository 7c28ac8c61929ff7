//! Knows scrapes and probes by the routes that answer them, and not by their paths.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes};
use tokio::sync::Notify;
use tonic::service::Routes;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    TimingLayer, Vitals,
    exclude::ExcludeLayer,
    health::{Health, Role, Status},
    logging::Format,
};

use crate::{
    health_client::{HealthCheckRequest, health_client::HealthClient},
    support::{
        dsn::{Answer, Dsn},
        exposition::Exposition,
        lines::{subscriber, written},
        panics::silence_panics_that_were_asked_for,
        reporting::unlimited,
        requests,
        server::Server,
        stacks::{isolated, with_health},
        waiting::{eventually, settled},
    },
};

/// A service whose readiness fails.
fn unready() -> Health {
    let health = Health::builder().manual("queue", Role::Critical);
    let health = health.start().unwrap();
    health.set("queue", Status::Unhealthy, Some("full"));
    health
}

/// Requests were excluded, and nothing else says that there were any.
async fn assert_excluded(vitals: &Vitals, requests: u64) {
    let totals = settled(vitals, |totals| totals.excluded == requests).await;
    assert_eq!(
        (totals.started, totals.in_flight, totals.excluded_errors),
        (0, 0, 0)
    );
    let scrape = Exposition::of(vitals);
    for name in [
        "http_requests_total",
        "http_requests_by_severity_total",
        "http_request_duration_seconds_count",
        "grpc_server_handled_total",
        "errors_total",
        "http_request_outcomes_total",
    ] {
        assert_eq!(scrape.sum(name, &[]), 0.0, "{name}");
    }
}

#[tokio::test]
async fn scrapes_and_probes_are_no_traffic_wherever_they_are_mounted() {
    let (written, subscriber) = subscriber(Format::Json);
    let _guard = tracing::dispatcher::set_default(&subscriber);
    let paths = [
        "/metrics",
        "/livez",
        "/readyz",
        "/readyz/",
        "/startupz",
        "/health",
        "/health/queue",
        "/health/nosuch",
        "/v1/health",
        "/status/queue",
    ];
    for prefix in ["", "/internal", "/a/b"] {
        let health = unready().service().alias("/status/queue", "/health/queue");
        let vitals = with_health(health.unwrap());
        let app = Router::new().route("/a", get(async || "a"));
        let app = match prefix {
            "" => app.merge(vitals.routes()),
            prefix => app.nest(prefix, vitals.routes()),
        };
        let server = Server::start(app.layer(vitals.layer())).await;
        written.take();
        for path in paths {
            for mut client in [server.http1(), server.http2()] {
                let answer = client.get(&format!("{prefix}{path}")).await.unwrap();
                assert!(answer.headers().get("x-request-id").is_none(), "{path}");
                answer.into_body().collect().await.unwrap();
            }
        }
        // What is answered 503 is an answer, and no failure.
        assert_excluded(&vitals, 2 * paths.len() as u64).await;
        let text = written.take();
        assert!(!text.contains(r#""message":"request""#), "{text}");
    }
}

#[tokio::test]
async fn probes_over_grpc_are_no_traffic() {
    let vitals = isolated();
    let health = unready();
    let app = Routes::new(health.grpc(&[])).prepare().into_axum_router();
    let app = Router::new().merge(app).layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = HealthClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    let asked = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    client.check(asked("")).await.unwrap();
    client.check(asked("nosuch")).await.unwrap_err();
    let mut watch = client.watch(asked("")).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    drop(watch);
    let mut http = server.http2();
    http.read(http.post("/grpc.health.v1.Health/MadeUp", "application/grpc"))
        .await;
    assert_excluded(&vitals, 4).await;
}

#[tokio::test]
async fn an_application_may_have_routes_of_its_own_where_probes_stand() {
    let vitals = with_health(unready().service());
    let record = async |Path(id): Path<u32>| match id % 2 {
        0 => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let app = Router::new()
        .route("/health/records/{id}", get(record))
        .route("/v1/health/{id}", get(record))
        .route("/shop/metrics", get(async || "prices"))
        .merge(vitals.routes())
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http1();
    for id in 0..20 {
        let answer = client.get(&format!("/health/records/{id}")).await.unwrap();
        assert!(answer.headers().get("x-request-id").is_some());
        answer.into_body().collect().await.unwrap();
    }
    client.text("/v1/health/2").await;
    assert_eq!(client.text("/shop/metrics").await, "prices");
    client.text("/readyz").await;
    let totals = settled(&vitals, |totals| totals.completed == 22).await;
    assert_eq!((totals.started, totals.excluded), (22, 1));
    let scrape = Exposition::of(&vitals);
    let labels = [("endpoint", "/health/records/{id}"), ("status", "500")];
    assert_eq!(scrape.sum("http_requests_total", &labels), 10.0);
    assert_eq!(scrape.sum("errors_total", &[]), 10.0);
}

#[tokio::test]
async fn what_may_be_a_probe_is_counted_once_it_is_known_and_the_sum_holds() {
    silence_panics_that_were_asked_for();
    let vitals = isolated();
    let (inside, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waiting = {
        let (inside, open) = (Arc::clone(&inside), Arc::clone(&open));
        async move || {
            inside.notify_one();
            open.notified().await;
            "an answer"
        }
    };
    let app = Router::new()
        .route("/waits/health", get(waiting))
        .route("/panics/health", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer());
    let holds = || {
        let totals = vitals.metrics().totals();
        let ended = totals.completed
            + totals.aborted
            + totals.cancelled
            + totals.error
            + totals.panicked
            + totals.body_error;
        assert_eq!(totals.started, ended + totals.in_flight);
        (totals.started, totals.in_flight)
    };
    let answer = tokio::spawn(app.clone().oneshot(requests::get("/waits/health")));
    inside.notified().await;
    assert_eq!(holds(), (0, 0), "nobody knows yet whose it is");
    open.notify_one();
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(holds(), (1, 1));
    answer.into_body().collect().await.unwrap();
    assert_eq!(holds(), (1, 0));
    // It is dropped before it is known.
    let left = tokio::spawn(app.clone().oneshot(requests::get("/waits/health")));
    inside.notified().await;
    left.abort();
    left.await.unwrap_err();
    assert_eq!((holds(), vitals.metrics().totals().cancelled), ((2, 0), 1));
    // It panics before it is known.
    let panicked = tokio::spawn(app.oneshot(requests::get("/panics/health")));
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!((holds(), vitals.metrics().totals().panicked), ((3, 0), 1));
    // It is an `Err` before it is known.
    let failing = vitals.layer().layer(service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, _>(std::io::Error::other("broken"))
    }));
    let request = Request::get("/metrics").body(()).unwrap();
    failing.oneshot(request).await.unwrap_err();
    assert_eq!((holds(), vitals.metrics().totals().error), ((4, 0), 1));
    assert_eq!(vitals.metrics().totals().excluded, 0);
}

#[tokio::test]
async fn a_route_that_is_excluded_stays_in_the_sum_and_in_nothing_else() {
    let dsn = Dsn::start(Answer::Status(200));
    let (written, _guard) = written(Format::Json);
    let vitals = unlimited(&dsn.url());
    let quiet = get(async || StatusCode::SERVICE_UNAVAILABLE).layer(ExcludeLayer::route());
    let app = Router::new().route("/ping", quiet).layer(vitals.layer());
    written.take();
    assert_eq!(requests::send(&app, requests::get("/ping")).await, 503);
    let totals = vitals.metrics().totals();
    assert_eq!(
        (totals.started, totals.completed, totals.in_flight),
        (1, 1, 0)
    );
    assert_eq!((totals.excluded, totals.excluded_errors), (0, 0));
    let scrape = Exposition::of(&vitals);
    for name in [
        "http_requests_total",
        "http_requests_by_severity_total",
        "errors_total",
    ] {
        assert_eq!(scrape.sum(name, &[]), 0.0, "{name}");
    }
    assert_eq!(written.take(), "");
    assert_eq!(vitals.flush(Duration::from_secs(5)), 0);
    assert!(dsn.events().is_empty());
}

#[tokio::test]
async fn what_panics_on_an_excluded_route_is_not_lost() {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let (written, _guard) = written(Format::Json);
    let vitals = unlimited(&dsn.url());
    let quiet = get(async || -> () { panic!("as asked") }).layer(ExcludeLayer::route());
    let app = Router::new().route("/ping", quiet).layer(vitals.layer());
    written.take();
    let panicked = tokio::spawn(app.oneshot(requests::get("/ping"))).await;
    assert!(panicked.unwrap_err().is_panic());
    let totals = vitals.metrics().totals();
    assert_eq!((totals.started, totals.panicked), (1, 1));
    assert_eq!(totals.excluded_errors, 1);
    let text = written.take();
    assert!(text.contains(r#""outcome":"panicked""#), "{text}");
    assert_eq!(vitals.flush(Duration::from_secs(5)), 0);
    assert_eq!(dsn.events().len(), 1, "{:?}", dsn.events());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_observed_is_never_stuck() {
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    let long = get(async || tokio::time::sleep(Duration::from_secs(5)).await);
    let health = unready();
    let probes = Routes::new(health.grpc(&[])).prepare().into_axum_router();
    let app = Router::new()
        .route("/long-poll", long.clone().layer(ExcludeLayer::route()))
        .route("/mine", long)
        .merge(probes)
        .layer(vitals.layer());
    let watch = Request::post("/grpc.health.v1.Health/Watch")
        .header("content-type", "application/grpc")
        .body(axum::body::Body::from(vec![0; 5]));
    let watch = app.clone().oneshot(watch.unwrap()).await.unwrap();
    let mut watch = watch.into_body();
    watch.frame().await.unwrap().unwrap();
    requests::send(&app, requests::get("/long-poll")).await;
    drop(watch);
    assert!(!written.take().contains("still running"));
    requests::send(&app, requests::get("/mine")).await;
    assert!(written.take().contains("still running"));
}

#[tokio::test]
async fn single_layers_know_a_probe_by_its_route_as_well() {
    let metrics = tower_vitals::metrics::Settings::new().isolated().unwrap();
    let health = unready();
    let app = Router::new()
        .route_service("/internal/readyz", health.service())
        .route("/order", post(async || "placed".into_response()))
        .layer(TimingLayer::new().metrics(metrics.clone()));
    let server = Server::start(app).await;
    server.http1().get("/internal/readyz").await.unwrap();
    let mut client = server.http1();
    client.read(client.post("/order", "text/plain")).await;
    let counted = || Some(metrics.totals()).filter(|totals| totals.completed == 1);
    let totals = eventually(counted).await.unwrap();
    assert_eq!((totals.started, totals.excluded), (1, 1));
}
