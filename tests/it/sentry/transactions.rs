//! Names transactions by their route, and gives each request its own trace.

use std::panic;

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::stream;
use sentry::Level;
use tower_vitals::sentry::SentryOptions;

use super::{LONG, reporting, send, texts};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

#[tokio::test]
async fn a_transaction_is_named_by_its_route_and_ends_with_its_body() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url())
        .unwrap()
        .transactions()
        .sample_rate(1.0)
        .unwrap();
    let vitals = reporting(&dsn)
        .exclude(["/probe"])
        .sentry(options)
        .build()
        .unwrap();
    let breaks =
        async || Body::from_stream(stream::iter([Ok("x"), Err(std::io::Error::other("broke"))]));
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/breaks", get(breaks))
        .route("/probe", get(async || ()))
        .layer(vitals.layer());
    send(&app, "/probe").await;
    send(&app, "/breaks").await;
    let trace = "09e04486820349518ac7b5d2adbf6ba5";
    for sentry_trace in [
        format!("{trace}-9cf635fa5b870b3a-1"),
        "garbage".into(),
        "-".repeat(100_000),
    ] {
        let request = Request::builder()
            .uri("/orders/1")
            .header("sentry-trace", sentry_trace)
            .header("baggage", "%%%,=,;\u{fffd}");
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
    }
    vitals.flush(LONG);
    let transactions = dsn.items("transaction");
    let ended = texts(&transactions, ["/transaction", "/contexts/trace/status"]);
    let order = [Some("/orders/{id}"), Some("ok")];
    let breaks = [Some("/breaks"), Some("internal_error")];
    assert_eq!(ended, [breaks, order, order, order]);
    let continued: Vec<_> = transactions
        .iter()
        .map(|sent| sent["contexts"]["trace"]["trace_id"] == trace)
        .collect();
    assert_eq!(continued, [false, true, false, false]);
}

#[tokio::test]
async fn each_request_is_a_trace_of_its_own() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let handler = async || {
        sentry::capture_message("first", Level::Info);
        sentry::capture_message("second", Level::Info);
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/").await;
    send(&app, "/").await;
    vitals.flush(LONG);
    let events = dsn.events();
    let traces: Vec<_> = events
        .iter()
        .map(|event| &event["contexts"]["trace"]["trace_id"])
        .collect();
    let [one, same, other, again] = traces[..] else {
        panic!("{traces:?}")
    };
    assert!(one == same && other == again && one != other, "{traces:?}");
}
