//! Leads from a bucket to a trace that is in it.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    routing::get,
};
use tokio::time;
use tower::ServiceExt;
use tower_vitals::{TraceContextLayer, Vitals};

use crate::support::{exposition::Exposition, requests, stacks::isolated};

const SPAN: &str = "00f067aa0ba902b7";

/// A route that takes so many milliseconds, and another one.
fn app(vitals: &Vitals) -> Router {
    let wait = async |Path(millis): Path<u64>| time::sleep(Duration::from_millis(millis)).await;
    Router::new()
        .route("/takes/{millis}", get(wait))
        .route("/late", get(async || "late"))
        .layer(vitals.layer())
}

/// Sends a request that is part of this trace, sampled or not.
async fn traced(app: &Router, millis: u64, trace: char, sampled: bool) -> String {
    let trace = String::from_iter([trace; 32]);
    let flags = if sampled { "01" } else { "00" };
    let request = Request::builder()
        .uri(format!("/takes/{millis}"))
        .header("traceparent", format!("00-{trace}-{SPAN}-{flags}"));
    requests::send(app, request.body(Body::empty()).unwrap()).await;
    trace
}

/// What a reader of OpenMetrics gets.
async fn scraped(vitals: &Vitals) -> Exposition {
    let request = Request::builder()
        .uri("/metrics")
        .header("accept", "application/openmetrics-text;version=1.0.0");
    let request = request.body(Body::empty()).unwrap();
    let response = vitals.routes::<()>().oneshot(request).await.unwrap();
    let text = requests::text(response.into_body()).await;
    Exposition::parse_openmetrics(&text).unwrap()
}

/// The exemplars of the route by the upper edge of their bucket, with trace and value.
async fn exemplars(vitals: &Vitals) -> Vec<(String, String, f64)> {
    let scrape = scraped(vitals).await;
    let all = scrape.exemplars.iter().map(|((name, labels), exemplar)| {
        assert_eq!(name, "http_request_duration_seconds_bucket");
        assert_eq!(labels["endpoint"], "/takes/{millis}");
        assert_eq!(labels["method"], "GET");
        assert_eq!(exemplar.labels.len(), 1);
        let trace = exemplar.labels["trace_id"].clone();
        (labels["le"].clone(), trace, exemplar.value)
    });
    all.collect()
}

fn traces() -> Vitals {
    let builder = Vitals::builder().isolated();
    builder
        .trace_context(TraceContextLayer::new())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_bucket_has_the_last_sampled_trace_that_is_in_it() {
    let vitals = traces();
    let app = app(&vitals);
    traced(&app, 30, 'a', true).await;
    let last = traced(&app, 40, 'b', true).await;
    traced(&app, 35, 'c', false).await;
    let slow = traced(&app, 700, 'd', true).await;
    // On an edge, which its bucket includes.
    let edge = traced(&app, 2_500, 'e', true).await;
    let slowest = traced(&app, 20_000, 'f', true).await;
    let mut expected = [
        ("0.05".to_owned(), last, 0.04),
        ("0.75".to_owned(), slow, 0.7),
        ("2.5".to_owned(), edge, 2.5),
        ("+Inf".to_owned(), slowest, 20.0),
    ];
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(exemplars(&vitals).await, expected);
    // The text format knows none.
    assert!(!vitals.render().contains(" # {"));
    assert_eq!(Exposition::of(&vitals).exemplars.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_nobody_records_is_no_example() {
    let vitals = traces();
    traced(&app(&vitals), 30, 'a', false).await;
    assert_eq!(exemplars(&vitals).await, []);
    let vitals = isolated();
    traced(&app(&vitals), 30, 'a', true).await;
    assert_eq!(exemplars(&vitals).await, []);
    assert_eq!(vitals.metrics().totals().completed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_example_stands_where_its_request_is_counted() {
    let builder = Vitals::builder().isolated().endpoint_cap(1);
    let builder = builder.trace_context(TraceContextLayer::new());
    let vitals = builder.build().unwrap();
    let app = app(&vitals);
    traced(&app, 30, 'a', true).await;
    let request = Request::builder().uri("/late");
    let request = request.header("traceparent", format!("00-{}-{SPAN}-01", "b".repeat(32)));
    requests::send(&app, request.body(Body::empty()).unwrap()).await;
    let scrape = scraped(&vitals).await;
    let examples = scrape.exemplars.iter();
    let examples =
        examples.map(|((_, labels), example)| (&*labels["endpoint"], &*example.labels["trace_id"]));
    let examples: Vec<_> = examples.collect();
    let [first, second] = ["a", "b"].map(|trace| trace.repeat(32));
    assert_eq!(
        examples,
        [("/takes/{millis}", &*first), ("overflow", &*second)]
    );
}
