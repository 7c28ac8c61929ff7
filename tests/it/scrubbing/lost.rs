//! Loses no event for what it holds: what cannot be read back after scrubbing goes alone.

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use sentry::{
    ClientOptions, Envelope,
    protocol::{
        Context, DeviceContext, Event, Map, OsContext, SessionAggregates, SpanStatus, TraceContext,
        Transaction, User, Value,
    },
};
use serde_json::json;
use tower_vitals::metrics::Sink;

use super::{LONG, arrived, client, saying};
use crate::support::{
    dsn::{Answer, Dsn},
    reporting::unlimited,
    requests,
};

fn fields(json: Value) -> Map<String, Value> {
    serde_json::from_value(json).unwrap()
}

fn contexts<const N: usize>(contexts: [(&str, Context); N]) -> Map<String, Context> {
    let named = contexts.map(|(name, context)| (name.to_owned(), context));
    named.into_iter().collect()
}

#[test]
fn counts_of_sessions_leave_without_secrets_and_raw_bytes_not_at_all() {
    let counts = json!({
        "aggregates": [{"started": "2026-01-01T00:00:00Z", "did": "password=SENTINEL", "exited": 2}],
        "attrs": {"release": "shop@1.2.3", "user_agent": "token=SENTINEL", "ip_address": "203.0.113.7"},
    });
    let counts: SessionAggregates<'static> = serde_json::from_value(counts).unwrap();
    let mut envelope = Envelope::new();
    envelope.add_item(counts);
    let item = arrived(envelope, "sessions");
    assert_eq!(item["aggregates"][0]["exited"], 2);
    assert_eq!(item["aggregates"][0]["did"], "password=[Filtered]");
    let attributes = json!({"release": "shop@1.2.3", "user_agent": "token=[Filtered]"});
    assert_eq!(item["attrs"], attributes);

    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    let raw = b"{}\n{\"type\":\"event\"}\n{\"message\":\"password=SENTINEL\"}\n";
    client.send_envelope(Envelope::from_bytes_raw(raw.to_vec()).unwrap());
    assert!(client.flush(Some(LONG)));
    assert_eq!(dsn.bytes(), b"");
}

#[test]
fn a_context_leaves_with_fields_that_are_called_type() {
    let others = contexts([
        (
            "Rust Tracing Fields",
            Context::Other(fields(json!({"type": "express", "id": 17}))),
        ),
        (
            "both",
            Context::Other(fields(json!({"type": 17, "type_": "own"}))),
        ),
        (
            "own",
            Context::Other(fields(json!({"type": "password=SENTINEL"}))),
        ),
        (
            "os",
            OsContext {
                name: Some("Linux".into()),
                other: fields(json!({"type": "express"})),
                ..OsContext::default()
            }
            .into(),
        ),
    ]);
    let expected = json!({
        "Rust Tracing Fields": {"type": "unknown", "type_": "express", "id": 17},
        "both": {"type": "unknown", "type_": "own", "type__": 17},
        "own": {"type": "unknown", "type_": "password=[Filtered]"},
        "os": {"type": "os", "name": "Linux", "type_": "express"},
    });
    let event = Event {
        contexts: others.clone(),
        ..saying("hello")
    };
    let event = arrived(event.into(), "event");
    assert_eq!(event["logentry"]["message"], "hello");
    assert_eq!(event["contexts"], expected);
    let transaction = Transaction {
        contexts: others,
        ..Transaction::default()
    };
    assert_eq!(
        arrived(transaction.into(), "transaction")["contexts"],
        expected
    );
}

#[test]
fn a_field_that_does_not_fit_goes_and_the_event_leaves() {
    let device = DeviceContext {
        arch: Some("x86_64".into()),
        other: fields(
            json!({"simulator": "yes", "memory_size": -17, "boot_time": "yesterday", "note": 17}),
        ),
        ..DeviceContext::default()
    };
    let trace = TraceContext {
        status: Some(SpanStatus::Ok),
        ..TraceContext::default()
    };
    let mut event = Event {
        contexts: contexts([("device", device.into()), ("trace", trace.into())]),
        user: Some(User {
            other: fields(json!({"id": 17, "email": [1], "ip_address": "nowhere", "plan": "gold"})),
            ..User::default()
        }),
        ..saying("hello")
    };
    // Its digits are those of a card number.
    let frames = json!({"frames": [
        {"function": "shop::load", "instruction_addr": "0x4111111111111111", "lineno": 17},
        {"function": "shop::save"},
    ]});
    event.stacktrace = serde_json::from_value(frames).unwrap();
    let left = arrived(event.into(), "event");
    assert_eq!(left["logentry"]["message"], "hello");
    assert_eq!(left["user"], json!({"plan": "gold"}));
    assert_eq!(
        left["contexts"]["device"],
        json!({"type": "device", "arch": "x86_64", "note": 17})
    );
    assert_eq!(left["contexts"]["trace"]["status"], "ok");
    assert_eq!(
        left["stacktrace"],
        json!({"frames": [{"function": "shop::load", "lineno": 17}, {"function": "shop::save"}]})
    );
}

#[tokio::test]
async fn a_client_hides_no_failure_behind_its_host() {
    for (host, url) in [
        ("shop.test", "http://shop.test/x"),
        ("4111-1111-1111-1111.example.org", "http://unknown/x"),
        // Nothing tells where the secret ends.
        ("token=abc", "http://unknown/"),
        ("password=a:80", "http://unknown/"),
    ] {
        let dsn = Dsn::start(Answer::Status(200));
        let vitals = unlimited(&dsn.url());
        let app = Router::new()
            .route("/x", get(async || StatusCode::INTERNAL_SERVER_ERROR))
            .layer(vitals.layer());
        let request = Request::builder().uri("/x").header("host", host);
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(vitals.flush(LONG), 0);
        assert_eq!(dsn.event()["request"]["url"], url, "{host}");
    }
}

#[tokio::test]
async fn a_metric_that_is_no_number_goes_alone_and_is_counted() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = unlimited(&dsn.url());
    let counts = async || {
        sentry::metrics::counter("orders", 1).capture();
        sentry::metrics::gauge("load", f64::NAN).capture();
        sentry::metrics::distribution("size", f64::INFINITY).capture();
        sentry::metrics::gauge("queue", 17).capture();
    };
    let app = Router::new().route("/", get(counts)).layer(vitals.layer());
    requests::send(&app, Request::new(Body::empty())).await;
    assert_eq!(vitals.flush(LONG), 0);
    let metrics = dsn.items("trace_metric");
    let all = metrics
        .iter()
        .flat_map(|list| list["items"].as_array().unwrap());
    let names: Vec<_> = all.map(|metric| metric["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["orders", "queue"]);
    let lost = vitals.metrics().totals().dropped(Sink::SentryScrubbing);
    assert_eq!(lost, 2);
}
