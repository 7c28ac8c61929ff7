//! Reports requests that get no answer.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    routing::any,
};
use tower::ServiceExt;
use tower_vitals::{TimingLayer, Vitals, logging::Format, timing::SeverityBands};

use crate::support::lines::{lines, written};

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_is_logged_once_while_it_runs() {
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    written.take();
    let app = Router::new()
        .route(
            "/report/{n}",
            any(async || tokio::time::sleep(Duration::from_secs(60)).await),
        )
        .route("/quick", any(async || ()))
        .route(
            "/events",
            any(
                async || Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()),
            ),
        )
        .layer(vitals.layer());
    let send = |path: &str| {
        let request = Request::builder()
            .uri(path)
            .header("x-request-id", "slow-7");
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let stream = send("/events").await.unwrap();
    send("/quick").await.unwrap();
    written.take();
    // A request that is dropped before its critical band is not reported.
    let hasty = tokio::time::timeout(Duration::from_millis(1_500), send("/report/1"));
    hasty.await.unwrap_err();
    let text = written.take();
    assert!(!text.contains("still running"), "{text}");
    send("/report/7").await.unwrap();
    let lines = lines(&written);
    let reported: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "still running")
        .collect();
    assert_eq!(reported.len(), 1, "{lines:#?}");
    for (field, value) in [
        ("level", "WARN"),
        ("request_id", "slow-7"),
        ("endpoint", "/report/{n}"),
        ("path", "/report/7"),
        ("method", "GET"),
    ] {
        assert_eq!(reported[0][field], value, "{field}");
    }
    let age = reported[0]["age_ms"].as_f64().unwrap();
    assert!((2_000.0..=3_000.0).contains(&age), "{age}");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_stuck_by_its_own_layers_bands() {
    let seconds = Duration::from_secs;
    let patient = SeverityBands::new(seconds(10), seconds(20), seconds(30)).unwrap();
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    written.take();
    let pause = async || tokio::time::sleep(Duration::from_secs(25)).await;
    let app = Router::new()
        .route("/", any(pause).layer(TimingLayer::new().bands(patient)))
        .layer(vitals.layer());
    app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(lines(&written).len(), 1, "the request's own");
}

#[test]
fn watching_for_stuck_requests_needs_a_runtime_with_a_clock() {
    let watching = || Vitals::builder().isolated().log_stuck().build();
    let error = watching().unwrap_err();
    assert_eq!((error.field(), error.value()), ("log_stuck", "on"));
    let timeless = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let error = timeless.block_on(async { watching().unwrap_err() });
    assert!(error.to_string().contains("time driver"), "{error}");
}
