//! Writes the access log of an application that has a logger of the crate `log`, and no subscriber of `tracing`. The logger is that
//! of the process, so this test has one of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::sync::Mutex;

use axum::{Router, body::Body, extract::Request, routing::get};
use log::{LevelFilter, Log, Metadata, Record};
use tower::ServiceExt;
use tower_vitals::Vitals;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what this crate writes.
struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == "tower_vitals" {
            LINES.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// axum turns on the feature `log` of `tracing`, which gives events to `log` as long as there is no subscriber.
#[tokio::test]
async fn an_application_with_the_log_crate_alone_has_its_access_log() {
    log::set_boxed_logger(Box::new(Logger)).unwrap();
    log::set_max_level(LevelFilter::Info);
    let vitals = Vitals::builder().isolated().build().unwrap();
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .layer(vitals.layer());
    let request = Request::builder().uri("/orders/7");
    let request = request.header("x-request-id", "id-7").body(Body::empty());
    app.oneshot(request.unwrap()).await.unwrap();
    let lines = LINES.lock().unwrap();
    let lines = lines.iter().filter(|line| line.starts_with("request "));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for field in [
        "request_id=\"id-7\"",
        "endpoint=\"/orders/{id}\"",
        "status=200",
    ] {
        assert!(lines[0].contains(field), "{field}: {}", lines[0]);
    }
}
