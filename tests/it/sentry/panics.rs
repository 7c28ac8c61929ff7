//! Reports a panic once, whoever catches it.

use std::panic;

use axum::{Router, routing::get};
use sentry::Hub;
use tokio::task;
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{metrics::Sink, report::ReportPolicy};

use super::{LONG, one_issue, reporting, send, texts, with_reports};
use crate::support::dsn::{Answer, Dsn};

#[tokio::test]
async fn a_panic_is_reported_once_whoever_catches_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/excluded"]).build().unwrap();
    // The hub of this thread has no client; a request's own hub has one. So has an excluded request.
    Hub::current().bind_client(None);
    let panics = async || -> () { panic!("as asked") };
    let caught = Router::new()
        .route("/caught", get(panics))
        .layer(CatchPanicLayer::new());
    let app = caught
        .route("/uncaught", get(panics))
        .route("/excluded", get(panics))
        .layer(vitals.layer());
    assert_eq!(send(&app, "/caught").await, 500);
    for path in ["/uncaught", "/excluded"] {
        let app = app.clone();
        task::spawn(async move { send(&app, path).await })
            .await
            .unwrap_err();
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let reported = texts(&events, ["/transaction", "/exception/values/0/value"]);
    // The level `error` is the default of the protocol, and is not sent: the process goes on.
    let levels = texts(&events, ["/level"]);
    assert!(levels.iter().all(|level| *level == [None]), "{levels:?}");
    let panic = Some("as asked");
    assert_eq!(
        reported,
        [
            [Some("/caught"), panic],
            [Some("/uncaught"), panic],
            // The path of a request that nobody watches is not told.
            [None, panic]
        ]
    );
}

#[tokio::test]
async fn a_thousand_panics_are_a_few_events_of_one_issue() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = with_reports(&dsn, ReportPolicy::new().per_minute(3));
    let app = Router::new()
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer());
    for _ in 0..10 {
        assert_eq!(send(&app, "/panic").await, 500);
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 3);
    assert!(one_issue(&events), "{events:?}");
    assert_eq!(events[0]["fingerprint"][4], "panicked");
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryFlood), 7);
}
