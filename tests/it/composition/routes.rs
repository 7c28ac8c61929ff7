//! Finds the route and its settings from anywhere in the stack.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Bytes, extract::Request, response::Response, routing::get};
use http_body_util::{BodyExt, Full};
use tokio::time;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{RequestIdLayer, TimingLayer, timing::SeverityBands};

use crate::support::{
    exposition::Exposition, requests, server::Server, stacks::isolated, waiting::settled,
};

#[tokio::test]
async fn a_stack_on_the_router_and_on_a_nested_one_counts_once_with_one_id() {
    let vitals = isolated();
    let inner = Router::new()
        .route("/{a}", get(async || "inner"))
        .layer(vitals.layer());
    let app = Router::new().nest("/outer", inner).layer(vitals.layer());
    let server = Server::start(app).await;
    let response = server.http1().get("/outer/7").await.unwrap();
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
    response.into_body().collect().await.unwrap();
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.completed), (1, 1));
    let scrape = Exposition::of(&vitals);
    let endpoints = scrape.values("http_requests_total", "endpoint");
    assert_eq!(endpoints, ["/outer/{a}".to_owned()].into());
}

#[tokio::test]
async fn a_layer_outside_the_router_learns_the_route_from_one_inside() {
    for (inside, endpoint) in [(true, "/users/{id}"), (false, "unmatched")] {
        let vitals = isolated();
        let mut app = Router::new().route("/users/{id}", get(async || "a user"));
        if inside {
            app = app.layer(RequestIdLayer::new());
        }
        let service = vitals.layer().layer(app);
        let request = requests::get("/users/7");
        requests::send(&service, request).await;
        let scrape = Exposition::of(&vitals);
        let endpoints = scrape.values("http_requests_total", "endpoint");
        assert_eq!(endpoints, [endpoint.to_owned()].into());
    }
}

#[tokio::test]
async fn a_service_without_a_router_names_its_endpoint() {
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        let exchange = tower_vitals::exchange::Exchange::current().unwrap();
        exchange.set_route("/v1/charge");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    service.oneshot(Request::new(())).await.unwrap();
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("http_requests_total", &[("endpoint", "/v1/charge")]),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_is_judged_by_its_own_layers_bands() {
    let ms = Duration::from_millis;
    let vitals = isolated();
    let patient =
        TimingLayer::new().bands(SeverityBands::new(ms(1_000), ms(2_000), ms(3_000)).unwrap());
    async fn pause() {
        time::sleep(Duration::from_millis(600)).await;
    }
    let app = Router::new()
        .route("/quick", get(pause))
        .route("/report", get(pause).layer(patient))
        .layer(vitals.layer());
    for path in ["/quick", "/report"] {
        let request = requests::get(path);
        app.clone().oneshot(request).await.unwrap();
    }
    let scrape = Exposition::of(&vitals);
    let severity = |endpoint, severity| {
        let labels = [("endpoint", endpoint), ("severity", severity)];
        scrape.sum("http_requests_by_severity_total", &labels)
    };
    assert_eq!(severity("/quick", "warning"), 1.0);
    assert_eq!(severity("/report", "normal"), 1.0);
}
