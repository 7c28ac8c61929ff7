//! Sends events to a real Bugsink, in its strictest mode, and checks them with Sentry's own Relay.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod programs;
#[path = "it/support/reporting.rs"]
mod reporting;
#[path = "it/support/requests.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod requests;
#[path = "bugsink/server.rs"]
mod server;
#[path = "bugsink/shop.rs"]
mod shop;
#[path = "bugsink/troubled.rs"]
mod troubled;

use std::{env, time::Duration};

use serde_json::json;
use tower_vitals::{
    Deployment, Release, Vitals, metrics::Sink, report::ReportPolicy, scrub::Scrubbing,
    sentry::SentryOptions,
};

use crate::{
    server::Bugsink,
    shop::{Shop, lasting},
    troubled::{every_request, troubled},
};

const LONG: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
fn each_incident_of_the_example_arrives_once_with_exactly_what_is_known() {
    let bugsink = Bugsink::start();
    let shop = Shop::start(&bugsink.dsn());
    shop.send("/orders/seven?token=s3cret", "id-order");
    shop.send("/orders/7", "id-fine");
    shop.send("/slow", "id-slow");
    shop.send("/panic", "id-panic");
    shop.send("/note", "id-note");
    let said = shop.end();
    let ended = r#""message":"ended","unfinished":0,"unsent":0"#;
    assert!(said.contains(ended), "{said}");

    assert_eq!(bugsink.refusals(), [""; 0]);
    let events = bugsink.events();
    let stored: Vec<_> = events
        .iter()
        .map(|(transaction, events)| (transaction.as_str(), events.len()))
        .collect();
    let once = ["", "/note", "/orders/{id}", "/panic", "/slow"].map(|name| (name, 1));
    assert_eq!(stored, once);
    assert_eq!(bugsink.issues().len(), 5);
    let request = |path: &str| {
        json!({
            "url": format!("http://shop.test{path}"),
            "method": "GET",
            "headers": {"host": "shop.test", "user-agent": "tests"},
        })
    };
    assert_eq!(
        lasting(&events["/orders/{id}"][0]),
        json!({
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/orders/{id}",
            "request": request("/orders/seven?token=[Filtered]"),
            "user": {"id": "u-17"},
            "tags": {
                "endpoint": "/orders/{id}",
                "error_category": "server_error",
                "method": "GET",
                "request_id": "id-order",
                "service": "sentry",
                "severity": "critical",
                "tenant_id": "acme",
            },
            "breadcrumbs": [{"message": "looking for the order"}],
            "exception": [
                {
                    "type": "ParseIntError",
                    "value": "invalid digit found in string",
                    "mechanism": {"type": "tower-vitals", "handled": true},
                },
                {
                    "type": "NoOrder",
                    "value": "no order \"seven\"",
                    "mechanism": {"type": "tower-vitals", "handled": true},
                },
            ],
            "contexts": {"response": {"type": "response", "status_code": 500}},
            "extra": {"outcome": "completed"},
            "fingerprint": [
                "tower-vitals", "GET", "/orders/{id}", "server_error", "failed", "NoOrder", "ParseIntError",
            ],
        })
    );
    assert_eq!(
        lasting(&events["/slow"][0]),
        json!({
            "level": "warning",
            "logentry": {"message": "slow: GET /slow answered 200"},
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/slow",
            "request": request("/slow"),
            "tags": {
                "endpoint": "/slow",
                "method": "GET",
                "request_id": "id-slow",
                "service": "sentry",
                "severity": "critical",
            },
            "contexts": {"response": {"type": "response", "status_code": 200}},
            "extra": {"outcome": "completed"},
            "fingerprint": ["tower-vitals", "GET", "/slow", "none", "slow"],
        })
    );
    let mut panic = events["/panic"][0].clone();
    let place = panic["fingerprint"].as_array_mut().unwrap().pop();
    let place = place.unwrap();
    assert!(place.as_str().unwrap().contains("panics"), "{place}");
    let frames = &panic["exception"]["values"][0]["stacktrace"]["frames"];
    let ours = frames.as_array().unwrap().iter().any(|frame| {
        let function = frame["function"].as_str();
        function.is_some_and(|function| function.contains("sentry::panics"))
    });
    assert!(ours, "the handler is in the stack trace: {frames}");
    assert_eq!(
        lasting(&panic),
        json!({
            "fingerprint": ["tower-vitals", "GET", "/panic", "server_error", "panicked"],
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/panic",
            "request": request("/panic"),
            "tags": {
                "endpoint": "/panic",
                "error_category": "server_error",
                "method": "GET",
                "request_id": "id-panic",
                "service": "sentry",
                "severity": "critical",
            },
            "exception": [{
                "type": "panic",
                "value": "no order without a customer",
                "mechanism": {"type": "panic", "handled": false},
            }],
        })
    );
    assert_eq!(
        lasting(&events["/note"][0]),
        json!({
            "level": "info",
            "logentry": {"message": "[Filtered] pays with [Filtered], password=[Filtered]"},
            "release": "shop@1.2.3",
            "environment": "staging",
            "transaction": "/note",
            "request": request("/note"),
            "tags": {
                "endpoint": "/note",
                "method": "GET",
                "request_id": "id-note",
                "service": "sentry",
                "severity": "normal",
            },
        })
    );
    assert_eq!(
        lasting(&events[""][0]),
        json!({
            "level": "info",
            "logentry": {"message": concat!("deployed ", env!("CARGO_PKG_VERSION"), " to staging")},
            "release": env!("CARGO_PKG_VERSION"),
            "environment": "staging",
            "tags": {"deployed_by": "cargo run", "service": "sentry"},
            "fingerprint": ["tower-vitals", "deployment", "staging"],
        })
    );
    assert_eq!(
        bugsink.relay(),
        "event of /note: 1\nevent of /orders/{id}: 1\nevent of /panic: 1\nevent of /slow: 1\nevent of None: 1\n"
    );
}

#[tokio::test]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
async fn a_thousand_failures_with_a_thousand_ids_are_one_issue_at_a_real_server() {
    let bugsink = Bugsink::start();
    let vitals = reporting::unlimited(&bugsink.dsn());
    let app = reporting::lost_orders(&vitals);
    for id in 0..1_000 {
        assert_eq!(
            requests::send(&app, requests::get(&format!("/orders/{id}"))).await,
            500
        );
        // Never more events than the queue holds.
        if id % 50 == 49 {
            assert_eq!(vitals.flush(LONG), 0);
        }
    }
    let [issue] = &bugsink.issues()[..] else {
        panic!("{:?}", bugsink.issues())
    };
    assert_eq!(
        issue["stored_event_count"],
        1_000,
        "{:?}",
        bugsink.refusals()
    );
    assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 0);
}

#[tokio::test(start_paused = true)]
#[ignore = "needs Bugsink; tests/bugsink/setup.sh installs it"]
async fn bugsink_stores_and_relay_passes_every_kind_of_event_and_finds_no_secret_left() {
    // The preset for health data sends no attachment.
    for (scrubbing, attachments) in [(Scrubbing::new(), 2), (Scrubbing::health_data(), 0)] {
        let bugsink = Bugsink::start();
        let vitals = |options: SentryOptions, stuck: bool| {
            let options = options.scrubbing(scrubbing.clone());
            let builder = Vitals::builder()
                .isolated()
                .release(Release::new("shop@1.2.3").environment("test"))
                .sentry(options);
            let builder = if stuck { builder.log_stuck() } else { builder };
            builder.build().unwrap()
        };
        let mut dropped = 0;
        let mut gone = |vitals: &Vitals| {
            assert_eq!(vitals.flush(LONG), 0);
            let totals = vitals.metrics().totals();
            assert_eq!(totals.dropped(Sink::Sentry), 0);
            dropped += totals.dropped(Sink::SentryScrubbing);
        };
        let options = || SentryOptions::new(&bugsink.dsn()).unwrap();
        for request in every_request() {
            let vitals = vitals(options(), request.uri() == "/stuck");
            requests::send(&troubled(&vitals), request).await;
            gone(&vitals);
        }
        // Bugsink refuses transactions in its first answer, and the client then sends none. So each transaction has a client of
        // its own that sends nothing before it.
        for request in every_request() {
            if ["/said", "/panic", "/stuck"].contains(&request.uri().path()) {
                continue;
            }
            let silent = ReportPolicy::new().per_minute(0);
            let options = options().transactions().sample_rate(1.0).unwrap();
            let vitals = vitals(options.report_policy(silent), false);
            requests::send(&troubled(&vitals), request).await;
            gone(&vitals);
        }
        let vitals = vitals(options(), false);
        let deployment = Deployment::new("shop@1.2.4").by("jane@example.org");
        vitals.record_deployment(&deployment.changes("password=hunter2"));
        gone(&vitals);

        assert_eq!(bugsink.refusals(), [""; 0]);
        assert_eq!(bugsink.events().values().map(Vec::len).sum::<usize>(), 17);
        let mut seen = String::from(
            "event of /breaks: 1\nevent of /cause: 1\nevent of /down: 7\nevent of /panic: 1\nevent of /said: 2\n\
             event of /shop.v1.Orders/Get: 1\nevent of /slow: 1\nevent of /slower: 1\nevent of /stuck: 1\n\
             event of None: 1\ntransaction of /breaks: 1\ntransaction of /cause: 1\ntransaction of /down: 7\n\
             transaction of /shop.v1.Orders/Get: 1\ntransaction of /slow: 1\ntransaction of /slower: 1\n\
             transaction of unmatched: 1\n",
        );
        if attachments > 0 {
            seen.insert_str(0, &format!("attachment: {attachments}\n"));
        }
        assert_eq!(bugsink.relay(), seen);
        assert_eq!(dropped, 2 - attachments);
    }
}
