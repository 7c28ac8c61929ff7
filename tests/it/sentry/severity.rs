//! Judges what the code of a request captures while its body streams, and after its end.

use std::time::Duration;

use axum::{Router, body::Body, http::StatusCode, routing::get};
use futures::stream;
use tokio::{task, time};
use tower_vitals::{TimingLayer, exchange::Exchange};

use super::{LONG, reporting, send, texts};
use crate::support::dsn::{Answer, Dsn};

const LATER: Duration = Duration::from_millis(2_200);

/// A body that captures a message after a while.
fn late_body() -> Body {
    Body::from_stream(stream::once(async {
        time::sleep(LATER).await;
        sentry::capture_message("late", sentry::Level::Info);
        Ok::<_, std::convert::Infallible>("done")
    }))
}

#[tokio::test(start_paused = true)]
async fn what_is_captured_after_the_head_has_the_severity_of_the_head() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let (sender, mut tasks) = tokio::sync::mpsc::unbounded_channel();
    let in_task = async move || {
        let exchange = Exchange::current().unwrap();
        let later = exchange.scope(async {
            time::sleep(LATER).await;
            sentry::capture_message("late", sentry::Level::Info);
        });
        sender.send(task::spawn(later)).unwrap();
    };
    let before_the_head = async || {
        time::sleep(LATER).await;
        sentry::capture_message("late", sentry::Level::Info);
    };
    let failed = async || (StatusCode::BAD_GATEWAY, late_body());
    let at_end = get(async || late_body()).layer(TimingLayer::new().judge_at_end());
    let app = Router::new()
        .route("/stream", get(async || late_body()))
        .route("/task", get(in_task))
        .route("/before", get(before_the_head))
        .route("/failed", get(failed))
        .route("/at-end", at_end)
        .layer(vitals.layer());
    send(&app, "/stream").await;
    send(&app, "/task").await;
    tasks.recv().await.unwrap().await.unwrap();
    for path in ["/before", "/failed", "/at-end"] {
        send(&app, path).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let mut told = texts(
        &events,
        ["/transaction", "/tags/severity", "/logentry/message"],
    );
    told.retain(|[.., message]| *message == Some("late"));
    let severities: Vec<_> = told
        .iter()
        .map(|[route, severity, _]| [*route, *severity])
        .collect();
    assert_eq!(
        severities,
        [
            [Some("/stream"), Some("normal")],
            [Some("/task"), Some("normal")],
            [Some("/before"), Some("critical")],
            [Some("/failed"), Some("critical")],
            [Some("/at-end"), Some("critical")],
        ]
    );
}
