//! Shares one recorder of ours among all applications of a process.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

#[path = "it/support/requests.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod requests;

use axum::{Router, routing::get};
use tower::Layer;
use tower::ServiceExt;
use tower_vitals::{TimingLayer, Vitals, metrics::Names};

async fn text(app: Router, path: &str) -> String {
    let response = app.oneshot(requests::get(path)).await.unwrap();
    requests::text(response.into_body()).await
}

#[tokio::test]
async fn two_applications_of_one_process_publish_together() {
    // Made first, and still not what settles how the process counts.
    let _layered = TimingLayer::new().layer(());
    let capped = || Vitals::builder().endpoint_cap(500).build();
    let mut texts = Vec::new();
    for _ in 0..2 {
        let vitals = capped().unwrap();
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
    // What the application itself counts stands beside it.
    metrics::counter!("orders_total").increment(7);
    assert!(capped().unwrap().render().contains("orders_total 7\n"));

    let error = Vitals::builder()
        .names(Names::OpenTelemetry)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "metrics");
    // Beside the process's, anything goes.
    Vitals::builder()
        .isolated()
        .names(Names::OpenTelemetry)
        .build()
        .unwrap();
}
