//! Takes for gRPC only what is gRPC.

use std::time::Duration;

use axum::{Router, response::Response, routing::any};
use tower::ServiceExt;
use tower_vitals::Vitals;

use super::{in_axum, watching};
use crate::support::{exposition::Exposition, requests, waiting::settled};

#[tokio::test]
async fn plain_http_is_left_as_it_is() {
    let vitals = watching();
    let (server, _client) = in_axum(&vitals).await;
    for kind in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpcx",
        "application/json",
        "application/grpc",
    ] {
        let mut client = server.http2();
        client.read(client.post("/plain", kind)).await;
    }
    settled(&vitals, |totals| totals.completed == 5).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("grpc_server_handled_total", &[]), 0.0);
    assert_eq!(
        scrape.sum(
            "http_requests_total",
            &[("endpoint", "/plain"), ("status", "200")]
        ),
        5.0
    );
}

#[test]
fn bytes_that_are_no_descriptors_fail_at_build() {
    let error = Vitals::builder()
        .grpc_descriptors(b"\xff\xff\xff")
        .unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("metrics.grpc_descriptors", "3 bytes")
    );
}

#[tokio::test]
async fn a_request_that_only_claims_to_be_grpc_keeps_its_route() {
    let vitals = watching();
    let app = Router::new()
        .route("/hangs", any(std::future::pending::<Response>))
        .route(
            "/panics",
            any(async || -> Response { panic!("on purpose") }),
        )
        .layer(vitals.layer());
    let panicked = tokio::spawn(app.clone().oneshot(requests::grpc("/panics"))).await;
    assert!(panicked.unwrap_err().is_panic());
    let waiting = app.clone().oneshot(requests::grpc("/hangs"));
    let waited = tokio::time::timeout(Duration::from_millis(10), waiting).await;
    waited.unwrap_err();
    let scrape = Exposition::of(&vitals);
    for (endpoint, status) in [("/panics", "500"), ("/hangs", "499")] {
        let labels = [("endpoint", endpoint), ("status", status)];
        assert_eq!(
            scrape.sum("http_requests_total", &labels),
            1.0,
            "{endpoint}"
        );
    }
}
