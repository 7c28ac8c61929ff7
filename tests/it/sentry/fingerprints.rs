//! Tells apart what went wrong for different reasons.

use std::{error::Error, fmt, panic};

use axum::{Router, extract::Request, http::StatusCode, routing::get};
use serde_json::Value;
use tokio::task;
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{Failure, exchange::Exchange, metrics::Sink, report::ReportPolicy};

use super::{LONG, one_issue, reporting, send, texts, with_reports};
use crate::support::dsn::{Answer, Dsn};

macro_rules! error {
    ($name:ident, $text:literal) => {
        #[derive(Debug)]
        struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl Error for $name {}
    };
}

error!(Ledger, "out of balance");
error!(Index, "out of step");

/// An error whose `Debug` is its text, with an id in it.
struct Words(String);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Words {}

/// Types and values of the innermost error of each event, in the order of the alphabet.
fn told(events: &[Value]) -> Vec<[Option<&str>; 2]> {
    let mut told = texts(
        events,
        ["/exception/values/0/type", "/exception/values/0/value"],
    );
    told.sort_unstable();
    told
}

#[tokio::test]
async fn two_bugs_of_one_route_are_two_issues_and_the_second_is_told() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let pay = async |request: Request| match request.uri().query() {
        Some("index") => Err::<(), Failure>(Index.into()),
        Some("within") => Err(anyhow::Error::new(Index).context("not paid").into()),
        _ => Err(Ledger.into()),
    };
    let app = Router::new().route("/pay", get(pay)).layer(vitals.layer());
    for _ in 0..12 {
        send(&app, "/pay").await;
    }
    send(&app, "/pay?index").await;
    send(&app, "/pay?within").await;
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 10 + 2);
    assert!(one_issue(&events[..10]));
    let base = ["tower-vitals", "GET", "/pay", "server_error", "failed"];
    let fingerprint = |index: usize| events[index]["fingerprint"].clone();
    assert_eq!(
        fingerprint(0),
        serde_json::json!([&base[..], &["Ledger"]].concat())
    );
    assert_eq!(
        fingerprint(10),
        serde_json::json!([&base[..], &["Index"]].concat())
    );
    let within = fingerprint(11);
    assert_eq!(within.as_array().unwrap().last().unwrap(), "Index");
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryFlood), 2);
}

#[tokio::test]
async fn a_text_is_no_reason() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let lost = async |request: Request| -> Result<(), Failure> {
        let id = request.uri().query().unwrap_or_default();
        Err(Words(format!("{id} is lost")))?
    };
    let app = Router::new()
        .route("/lost", get(lost))
        .layer(vitals.layer());
    for id in 0..20 {
        send(&app, &format!("/lost?Order{id}")).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 10);
    assert!(one_issue(&events));
}

#[tokio::test]
async fn a_panic_that_the_handler_caught_does_not_hide_the_failure_after_it() {
    for per_minute in [10, 1] {
        let dsn = Dsn::start(Answer::Status(200));
        let vitals = with_reports(&dsn, ReportPolicy::new().per_minute(per_minute));
        let by_catching = async || -> Result<(), Failure> {
            let _caught = panic::catch_unwind(|| panic!("as asked"));
            Err(Ledger)?
        };
        let by_a_task = async || -> Result<(), Failure> {
            let exchange = Exchange::current().unwrap();
            let plugin = task::spawn(exchange.scope(async { panic!("as asked") }));
            let _caught: Result<(), _> = plugin.await;
            Err(Index)?
        };
        let app = Router::new()
            .route("/caught", get(by_catching))
            .route("/task", get(by_a_task))
            .layer(vitals.layer());
        assert_eq!(send(&app, "/caught").await, 500);
        assert_eq!(send(&app, "/task").await, 500);
        vitals.flush(LONG);
        let panic = [Some("panic"), Some("as asked")];
        assert_eq!(
            told(&dsn.events()),
            [
                [Some("Index"), Some("out of step")],
                [Some("Ledger"), Some("out of balance")],
                panic,
                panic,
            ]
        );
    }
}

#[tokio::test]
async fn a_panic_is_the_reason_of_what_became_of_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let by_a_task = async || -> Result<(), Failure> {
        let exchange = Exchange::current().unwrap();
        task::spawn(exchange.scope(async { panic!("as asked") })).await?
    };
    let without_a_cause = async || {
        let _caught = panic::catch_unwind(|| panic!("as asked"));
        StatusCode::BAD_GATEWAY
    };
    let app = Router::new()
        .route("/layer", get(async || -> () { panic!("as asked") }))
        .layer(CatchPanicLayer::new())
        .route("/task", get(by_a_task))
        .route("/plain", get(without_a_cause))
        .layer(vitals.layer());
    for path in ["/layer", "/task", "/plain"] {
        assert!(send(&app, path).await.is_server_error());
    }
    vitals.flush(LONG);
    assert_eq!(told(&dsn.events()), [[Some("panic"), Some("as asked")]; 3]);
}
