//! Lets nothing leave of data about people's health but what is on a list.

use sentry::{
    Envelope,
    protocol::{
        Attachment, DynamicSamplingContext, EnvelopeItem, Event, Metric, MonitorCheckIn,
        SessionAggregates, SessionUpdate, Transaction, Value,
    },
};
use serde_json::{Map, json};
use tower_vitals::{Deployment, Vitals, metrics::Sink, scrub::Scrubbing, sentry::SentryOptions};

use super::{LONG, full_event};
use crate::support::dsn::{Answer, Dsn};

const ID: &str = "01a1fd6d-1234-7063-9123-78d9a63d47c1";
const TRACE: &str = "41112222333344448555666677778888";

/// The items that leave, with their types, and all bytes.
fn left(envelope: Envelope, kind: &str) -> (Vec<Value>, String) {
    let dsn = Dsn::start(Answer::Status(200));
    let options = sentry::ClientOptions::new().dsn(&dsn.url());
    let options = tower_vitals::sentry::guard_with(options, Scrubbing::health_data());
    let client = sentry::Client::with_options(options);
    client.send_envelope(envelope);
    assert!(client.flush(Some(LONG)));
    let bytes = String::from_utf8(dsn.bytes()).unwrap();
    (dsn.items(kind), bytes)
}

fn event(json: Value) -> Value {
    let event: Event<'static> = serde_json::from_value(json).unwrap();
    left(event.into(), "event").0.remove(0)
}

#[test]
fn of_health_data_an_event_leaves_with_what_is_on_the_list_alone() {
    let mut full = serde_json::to_value(full_event()).unwrap();
    let ours = json!({
        "event_id": TRACE, "timestamp": 1_764_140_000.25, "release": "shop@1.2.3", "environment": "test",
        "transaction": "/patients/{id}", "fingerprint": ["Miller"], "culprit": "Miller", "logger": "Miller",
        "exception": {"values": [{
            "type": "shop::NoPatient", "value": "Mrs Miller", "module": "Miller",
            "mechanism": {"type": "panic", "handled": false, "description": "Miller"},
            "stacktrace": {"frames": [{
                "function": "shop::session::load", "filename": "src/session.rs", "lineno": 7, "context_line": "Miller",
                "pre_context": ["Miller"], "post_context": ["Miller"], "vars": {"patient": "Miller"},
            }]},
        }]},
        "tags": {"endpoint": "/patients/{id}", "method": "GET", "severity": "critical", "error_category": "database",
            "request_id": ID, "tenant_id": "Miller", "plan": "Miller", "who": "Miller"},
        "request": {"method": "GET", "url": "http://miller.test/patients/Miller?name=Miller", "headers": {"host": "Miller"}},
        "contexts": {
            "Rust Tracing Fields": {"type": "unknown", "patient": "Jane Miller", "diagnosis": "HIV positive"},
            "patient": {"type": "unknown", "note": "Mrs Miller has measles"},
            "trace": {"type": "trace", "trace_id": TRACE, "span_id": "4111111111111111", "op": "visit of Mrs Miller",
                "description": "Miller", "status": "ok", "data": {"note": "Miller"}},
            "os": {"type": "os", "name": "Linux", "note": "Miller"},
            "response": {"type": "response", "status_code": 500, "data": "Miller", "headers": {"a": "Miller"}},
        },
        "breadcrumbs": {"values": [{"timestamp": 1.5, "category": "Miller", "message": "Miller"}]},
        "threads": {"values": [{"id": 7, "name": "Miller", "current": true}]}, "stacktrace": null,
    });
    full.as_object_mut()
        .unwrap()
        .extend(ours.as_object().unwrap().clone());
    assert_eq!(
        event(full),
        json!({
            "event_id": TRACE, "timestamp": 1_764_140_000.25, "release": "shop@1.2.3", "environment": "test",
            "transaction": "/patients/{id}",
            "exception": {"values": [{
                "type": "shop::NoPatient", "mechanism": {"type": "panic", "handled": false},
                "stacktrace": {"frames": [{"function": "shop::session::load", "filename": "src/session.rs", "lineno": 7}]},
            }]},
            "tags": {"endpoint": "/patients/{id}", "method": "GET", "severity": "critical", "error_category": "database",
                "request_id": ID},
            "request": {"method": "GET", "url": "http://unknown/patients/%7Bid%7D"},
            "contexts": {
                "trace": {"type": "trace", "trace_id": TRACE, "span_id": "4111111111111111", "status": "ok"},
                "os": {"type": "os", "name": "Linux"},
                "response": {"type": "response", "status_code": 500},
            },
            "threads": {"values": [{"id": 7, "current": true}]},
        })
    );
}

#[test]
fn of_health_data_sentences_in_closed_places_do_not_leave() {
    let sentence = "Mrs Miller has measles";
    let left = event(json!({
        "event_id": TRACE, "timestamp": 1.5, "transaction": sentence, "fingerprint": ["tower-vitals", sentence],
        "tags": {"endpoint": sentence, "method": sentence, "severity": sentence, "error_category": sentence,
            "request_id": sentence, "check": sentence, "outcome": sentence},
        "extra": {"outcome": sentence, "total_ms": sentence, "head_ms": 2.5},
        "exception": {"values": [{"type": sentence}]},
        "contexts": {"os": {"type": "unknown", "name": sentence}},
    }));
    assert_eq!(
        left,
        json!({
            "event_id": TRACE, "timestamp": 1.5, "fingerprint": ["tower-vitals", "[Filtered]"], "extra": {"head_ms": 2.5},
            "exception": {"values": [{"type": "[Filtered]"}]},
        })
    );
}

#[test]
fn of_health_data_sentences_in_places_of_code_do_not_leave() {
    for sentence in [
        "Mrs Miller has measles",
        "Mrs::Miller has measles",
        "Mrs <Miller> has measles",
        "Miller, Jane",
    ] {
        let left = event(json!({
            "event_id": TRACE, "timestamp": 1.5, "dist": sentence, "platform": sentence,
            "exception": {"values": [{"type": sentence, "mechanism": {"type": sentence, "handled": false}}]},
            "stacktrace": {"frames": [
                {"function": sentence, "module": sentence, "filename": sentence, "abs_path": sentence, "package": sentence,
                    "addr_mode": sentence, "lineno": 7},
            ]},
            "contexts": {
                "os": {"type": "os", "name": sentence, "version": "1.2"},
                "device": {"type": "device", "family": sentence, "model": sentence, "arch": "x86_64"},
            },
        }));
        assert_eq!(
            left,
            json!({
                "event_id": TRACE, "timestamp": 1.5,
                "exception": {"values": [{"type": "[Filtered]", "mechanism": {"type": "generic", "handled": false}}]},
                "stacktrace": {"frames": [{"lineno": 7}]},
                "contexts": {"os": {"type": "os", "version": "1.2"}, "device": {"type": "device", "arch": "x86_64"}},
            })
        );
    }
}

#[test]
fn of_health_data_names_of_code_leave() {
    for name in [
        "shop::NoPatient",
        "<core::pin::Pin<P> as core::future::future::Future>::poll",
        "alloc::boxed::Box<dyn shop::Call + Send, alloc::Global>::call",
        "shop::auth::{impl#3}::verify::{async_fn_env#0}",
        "core::ops::function::FnOnce::call_once{{vtable.shim}}",
        "<&mut [u8; 17] as shop::Read>::read",
        "__libc_start_call_main",
    ] {
        let left = event(json!({
            "event_id": TRACE, "timestamp": 1.5, "exception": {"values": [{"type": name}]},
            "stacktrace": {"frames": [{"function": name}]},
        }));
        assert_eq!(left["exception"]["values"][0]["type"], name);
        assert_eq!(left["stacktrace"]["frames"][0]["function"], name);
    }
}

#[test]
fn of_health_data_a_route_leaves_if_it_looks_like_a_template() {
    let sent = |route: &str| {
        event(json!({"event_id": TRACE, "transaction": route, "tags": {"endpoint": route}}))
    };
    for route in [
        "/",
        "/patients/{id}",
        "/fhir/Patient/{id}/$everything",
        "/v1/icd10/{*code}",
        "/.well-known/openid-configuration",
        "/favicon.ico",
        "unmatched",
    ] {
        let left = sent(route);
        assert_eq!(left["transaction"], route);
        assert_eq!(left["tags"]["endpoint"], route);
    }
    for data in [
        "/patients/4711",
        "/patients/MILLER",
        "/MILLER.flu",
        "/patients/01a1fd6d-1234-7063-9123-78d9a63d47c1",
        "/born/1970-01-31",
        "/patients/jane.miller",
        "/patients/A4711",
    ] {
        let left = sent(data);
        assert_eq!(left["transaction"], Value::Null, "{data}");
        assert_eq!(left["tags"], Value::Null, "{data}");
    }
}

#[test]
fn of_health_data_a_transaction_leaves_without_texts() {
    let transaction = json!({
        "event_id": TRACE, "transaction": "visit of Mrs Miller", "start_timestamp": "2026-01-01T00:00:00Z",
        "tags": {"who": "Miller", "outcome": "completed", "request_id": "Miller"}, "extra": {"note": "Miller"},
        "user": {"id": "Miller"}, "server_name": "Miller",
        "contexts": {"trace": {"type": "trace", "trace_id": TRACE, "span_id": "4111111111111111", "op": "http.server",
            "data": {"http.response.status_code": 200, "note": "Miller"}}},
        "spans": [{"span_id": "4111111111111111", "trace_id": TRACE, "start_timestamp": "2026-01-01T00:00:00Z",
            "op": "Miller", "description": "Miller", "status": "ok", "data": {"a": "Miller"}, "tags": {"who": "Miller"}}],
    });
    let transaction: Transaction<'static> = serde_json::from_value(transaction).unwrap();
    let trace: DynamicSamplingContext =
        serde_json::from_value(json!({"transaction": "visit of Mrs Miller"})).unwrap();
    let headers = Envelope::new().headers().clone().with_trace(trace);
    let mut envelope = Envelope::new().with_headers(headers);
    envelope.add_item(transaction);
    let (items, bytes) = left(envelope, "transaction");
    assert_eq!(
        items,
        [json!({
            "event_id": TRACE, "start_timestamp": 1_767_225_600, "tags": {"outcome": "completed"},
            "contexts": {"trace": {"type": "trace", "trace_id": TRACE, "span_id": "4111111111111111", "op": "http.server",
                "data": {"http.response.status_code": 200}}},
            "spans": [{"span_id": "4111111111111111", "trace_id": TRACE, "start_timestamp": 1_767_225_600,
                "status": "ok"}],
        })]
    );
    assert!(!bytes.contains("Miller"), "{bytes}");
}

#[test]
fn of_health_data_sessions_and_check_ins_leave_without_persons() {
    let session = json!({"sid": ID, "did": "Miller", "status": "ok", "started": "2026-01-01T00:00:00Z",
        "attrs": {"release": "shop@1.2.3", "user_agent": "Miller"}});
    let counts = json!({"aggregates": [{"started": "2026-01-01T00:00:00Z", "did": "Miller", "exited": 2}],
        "attrs": {"release": "shop@1.2.3", "user_agent": "Miller"}});
    let check_in = json!({"check_in_id": TRACE, "monitor_slug": "visit of Miller", "status": "ok"});
    let items: [(EnvelopeItem, &str); 3] = [
        (
            serde_json::from_value::<SessionUpdate<'static>>(session)
                .unwrap()
                .into(),
            "session",
        ),
        (
            serde_json::from_value::<SessionAggregates<'static>>(counts)
                .unwrap()
                .into(),
            "sessions",
        ),
        (
            serde_json::from_value::<MonitorCheckIn>(check_in)
                .unwrap()
                .into(),
            "check_in",
        ),
    ];
    for (item, kind) in items {
        let mut envelope = Envelope::new();
        envelope.add_item(item);
        let (items, bytes) = left(envelope, kind);
        assert_eq!(items.len(), 1, "{kind}");
        assert!(!bytes.contains("Miller"), "{bytes}");
    }
}

#[test]
fn of_health_data_logs_metrics_and_attachments_are_dropped_and_counted() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = vitals(&dsn);
    let metric = json!({"type": "counter", "name": "visits of Miller", "value": 1.0, "timestamp": 1.5, "trace_id": TRACE});
    let metric: Metric = serde_json::from_value(metric).unwrap();
    let attachment = Attachment {
        buffer: b"Miller".to_vec(),
        filename: "Miller".into(),
        ..Attachment::default()
    };
    let items: [EnvelopeItem; 2] = [vec![metric].into(), attachment.into()];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tower::{Layer, ServiceExt, service_fn};
        let service = vitals.layer().layer(service_fn(|_: http::Request<String>| {
            for item in items.clone() {
                let mut envelope = Envelope::new();
                envelope.add_item(item);
                sentry::Hub::current()
                    .client()
                    .unwrap()
                    .send_envelope(envelope);
            }
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
                String::new(),
            )))
        }));
        service.oneshot(http::Request::default()).await.unwrap();
    });
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryScrubbing), 2);
    assert_eq!(dsn.bytes(), b"");
}

#[test]
fn of_health_data_a_deployment_leaves_with_its_version() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = vitals(&dsn);
    let deployment = Deployment::new("1.2.3").environment("test");
    vitals.record_deployment(&deployment.by("Miller").changes("Miller"));
    assert_eq!(vitals.flush(LONG), 0);
    let event = dsn.event();
    let kept: Map<_, _> = [
        "logentry",
        "release",
        "environment",
        "fingerprint",
        "tags",
        "extra",
    ]
    .into_iter()
    .filter_map(|name| Some((name.to_owned(), event.get(name)?.clone())))
    .collect();
    assert_eq!(
        Value::Object(kept),
        json!({
            "logentry": {"message": "deployed 1.2.3 to test"}, "release": "1.2.3", "environment": "test",
            "fingerprint": ["tower-vitals", "deployment", "test"],
        })
    );
}

fn vitals(dsn: &Dsn) -> Vitals {
    let options = SentryOptions::new(&dsn.url())
        .unwrap()
        .scrubbing(Scrubbing::health_data());
    Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap()
}
