//! Shares one recorder among all applications of a process.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/requests.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod requests;

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Request, response::Response, routing::get};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{AccessLogLayer, TimingLayer, Vitals, metrics::Names};

async fn text(app: Router, path: &str) -> String {
    let response = app.oneshot(requests::get(path)).await.unwrap();
    requests::text(response.into_body()).await
}

#[tokio::test]
async fn two_applications_of_one_process_publish_together() {
    // A layer alone does not choose the settings of the process, nor does a request that only a log layer observes.
    let _layered = TimingLayer::new().layer(());
    let logged = AccessLogLayer::new().layer(service_fn(async |_: Request| {
        Ok::<_, Infallible>(Response::<Body>::default())
    }));
    logged.oneshot(requests::get("/")).await.unwrap();
    let capped = || Vitals::builder().endpoint_cap(500);
    let mut texts = Vec::new();
    for _ in 0..2 {
        let vitals = capped().build().unwrap();
        let app: Router = Router::new()
            .route("/", get(async || "hello"))
            .layer(vitals.layer())
            .merge(vitals.routes());
        text(app.clone(), "/").await;
        texts.push(text(app, "/metrics").await);
    }
    let count =
        |n| format!("http_requests_total{{method=\"GET\",endpoint=\"/\",status=\"200\"}} {n}\n");
    assert!(texts[0].contains(&count(1)), "{}", texts[0]);
    assert!(texts[1].contains(&count(2)), "{}", texts[1]);
    // The application's own metrics are in the same text.
    metrics::counter!("orders_total").increment(7);
    assert!(
        capped()
            .build()
            .unwrap()
            .render()
            .contains("orders_total 7\n")
    );

    let error = Vitals::builder()
        .names(Names::OpenTelemetry)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "metrics");
    for other in [
        capped().label("region", "eu-1"),
        capped().metric_prefix("shop_"),
        capped().buckets([1.0]),
    ] {
        let error = other.build().unwrap_err();
        assert_eq!(error.field(), "metrics");
        assert!(
            error.to_string().contains("other settings already"),
            "{error}"
        );
    }
    // An isolated stack may have other names.
    Vitals::builder()
        .isolated()
        .names(Names::OpenTelemetry)
        .build()
        .unwrap();
}
