//! Prints every kind of secret in every form, and places each on every surface of every item of an envelope.

use std::sync::{Arc, Mutex};

use sentry::{
    ClientOptions, Envelope, Transport,
    protocol::{
        Attachment, DynamicSamplingContext, EnvelopeItem, Event, Log, LogAttribute, LogLevel,
        Metric, MonitorCheckIn, SessionUpdate, TraceId, Transaction, Value,
    },
};
use serde_json::json;
use tower_vitals::sentry::guard;

use super::LONG;

mod apart;
mod entries;
mod forms;

/// A transport that keeps the bytes that would leave.
#[derive(Default)]
struct Captured(Mutex<Vec<u8>>);

impl Transport for Captured {
    fn send_envelope(&self, envelope: Envelope) {
        envelope.to_writer(&mut *self.0.lock().unwrap()).unwrap();
    }
}

/// What leaves of these envelopes.
fn left(envelopes: Vec<Envelope>) -> String {
    let captured = Arc::new(Captured::default());
    let options = ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&captured));
    let client = sentry::Client::with_options(guard(options));
    for envelope in envelopes {
        client.send_envelope(envelope);
    }
    assert!(client.flush(Some(LONG)));
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// The event in which each `TEXT` is a surface.
fn event() -> Value {
    json!({
        "event_id": "0123456789abcdef0123456789abcdef",
        "logentry": {"message": "TEXT", "params": ["TEXT"]}, "logger": "TEXT", "culprit": "TEXT",
        "transaction": "TEXT", "server_name": "TEXT", "fingerprint": ["TEXT", "{{ default }}"],
        "user": {"id": "TEXT", "email": "TEXT", "username": "TEXT", "note": "TEXT"},
        "request": request(),
        "contexts": contexts(),
        "breadcrumbs": {"values": [
            {"timestamp": 1.5, "type": "TEXT", "category": "TEXT", "message": "TEXT", "data": {"note": "TEXT", "list": ["TEXT"]}},
        ]},
        "exception": {"values": [{
            "type": "TEXT", "value": "TEXT", "module": "TEXT",
            "mechanism": {"type": "TEXT", "description": "TEXT", "data": {"note": "TEXT"}},
            "stacktrace": {"frames": [frame()]},
        }]},
        "stacktrace": {"frames": [frame()]},
        "threads": {"values": [{"id": 1, "name": "TEXT", "stacktrace": {"frames": [frame()]}}]},
        "tags": {"note": "TEXT"},
        "extra": {"note": "TEXT", "list": ["TEXT"], "deep": {"er": [{"note": "TEXT"}]}},
    })
}

fn frame() -> Value {
    json!({
        "function": "TEXT", "module": "TEXT", "filename": "TEXT", "abs_path": "TEXT", "package": "TEXT", "symbol": "TEXT",
        "context_line": "TEXT", "pre_context": ["TEXT"], "post_context": ["TEXT"], "vars": {"note": "TEXT"},
    })
}

fn request() -> Value {
    json!({
        "url": "http://shop.test/a?note=TEXT#TEXT", "method": "TEXT", "data": "TEXT", "query_string": "TEXT",
        "cookies": "TEXT", "headers": {"user-agent": "TEXT", "x-note": "TEXT"}, "env": {"HOME": "TEXT"},
    })
}

fn contexts() -> Value {
    json!({
        "Rust Tracing Fields": {"type": "unknown", "note": "TEXT", "deep": {"list": ["TEXT"]}},
        "trace": {"type": "trace", "trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef", "op": "TEXT",
            "description": "TEXT", "origin": "TEXT", "data": {"note": "TEXT"}},
        "os": {"type": "os", "name": "TEXT", "note": "TEXT"},
        "app": {"type": "app", "app_name": "TEXT"},
        "otel": {"type": "otel", "attributes": {"note": "TEXT"}, "resource": {"note": "TEXT"}},
        "response": {"type": "response", "headers": {"date": "TEXT"}, "cookies": "TEXT", "data": "TEXT"},
    })
}

fn transaction() -> Value {
    json!({
        "event_id": "0123456789abcdef0123456789abcdef", "transaction": "TEXT", "start_timestamp": 1.5,
        "user": {"id": "TEXT"}, "tags": {"note": "TEXT"}, "extra": {"note": "TEXT"}, "contexts": contexts(),
        "request": request(), "server_name": "TEXT",
        "spans": [{
            "span_id": "0123456789abcdef", "trace_id": "0123456789abcdef0123456789abcdef", "start_timestamp": 1.5,
            "op": "TEXT", "description": "TEXT", "data": {"note": "TEXT", "db.statement": "TEXT"}, "tags": {"note": "TEXT"},
        }],
    })
}

/// Logs, metrics, sessions and check-ins.
fn others() -> [Value; 4] {
    let attributes = json!({"note": {"value": "TEXT", "type": "string"}});
    [
        json!({"level": "info", "body": "TEXT", "trace_id": TraceId::default(), "timestamp": 1.5, "attributes": attributes}),
        json!({"type": "counter", "name": "TEXT", "value": 1.0, "timestamp": 1.5, "trace_id": TraceId::default(),
            "attributes": attributes}),
        json!({"sid": "41112222-3333-4444-8555-666677778888", "did": "TEXT", "started": "2026-01-01T00:00:00Z",
            "attrs": {"release": "shop@1.2.3", "user_agent": "TEXT"}}),
        json!({"check_in_id": "41112222333344448555666677778888", "monitor_slug": "TEXT", "status": "ok",
            "monitor_config": {"schedule": {"type": "crontab", "value": "TEXT"}, "timezone": "TEXT"}}),
    ]
}

/// Replaces `TEXT` everywhere, and counts how often.
fn put(value: &mut Value, text: &str) -> usize {
    match value {
        Value::String(place) => {
            let places = place.matches("TEXT").count();
            *place = place.replace("TEXT", text);
            places
        }
        Value::Array(values) => values.iter_mut().map(|value| put(value, text)).sum(),
        Value::Object(fields) => fields.values_mut().map(|value| put(value, text)).sum(),
        _ => 0,
    }
}

/// Envelopes with the text on every surface, and how many surfaces there are.
fn envelopes(text: &str) -> (Vec<Envelope>, usize) {
    let mut surfaces = 0;
    let mut filled = |mut template: Value| {
        surfaces += put(&mut template, text);
        template
    };
    let event: Event<'static> = serde_json::from_value(filled(event())).unwrap();
    let transaction: Transaction<'static> = serde_json::from_value(filled(transaction())).unwrap();
    let [log, metric, session, check_in] = others().map(filled);
    let log: Log = serde_json::from_value(log).unwrap();
    let metric: Metric = serde_json::from_value(metric).unwrap();
    let session: SessionUpdate<'static> = serde_json::from_value(session).unwrap();
    let check_in: MonitorCheckIn = serde_json::from_value(check_in).unwrap();
    let attachment = Attachment {
        buffer: text.into(),
        filename: text.into(),
        ..Attachment::default()
    };
    let trace: DynamicSamplingContext =
        serde_json::from_value(json!({ "transaction": text })).unwrap();
    let headers = Envelope::new().headers().clone().with_trace(trace);
    let mut first = Envelope::new().with_headers(headers);
    first.add_item(event);
    first.add_item(attachment);
    let items: [EnvelopeItem; 5] = [
        transaction.into(),
        vec![log].into(),
        vec![metric].into(),
        session.into(),
        check_in.into(),
    ];
    let alone = items.map(|item| {
        let mut envelope = Envelope::new();
        envelope.add_item(item);
        envelope
    });
    // The attachment, its name, and the header of the envelope.
    (std::iter::once(first).chain(alone).collect(), surfaces + 3)
}

/// Events, transactions and logs with a value at every place that takes any.
fn structured(value: &Value) -> Vec<Envelope> {
    let any = json!({"note": value, "list": [value], "deep": {"er": {"note": value}}});
    let event = json!({
        "logentry": {"message": "m", "params": [value]}, "extra": any, "user": any,
        "contexts": {"note": any, "trace": {"data": any}, "otel": {"attributes": any}, "response": {"data": any}},
        "breadcrumbs": {"values": [{"data": any}]},
        "exception": {"values": [{
            "type": "E", "mechanism": {"type": "generic", "data": any}, "stacktrace": {"frames": [{"vars": any}]},
        }]},
    });
    let span = json!({"span_id": "0123456789abcdef", "trace_id": "0123456789abcdef0123456789abcdef", "start_timestamp": 1.5, "data": any});
    let transaction = json!({"event_id": "0123456789abcdef0123456789abcdef", "start_timestamp": 1.5, "spans": [span], "extra": any});
    let log = Log {
        level: LogLevel::Info,
        body: "b".into(),
        trace_id: None,
        timestamp: std::time::UNIX_EPOCH,
        severity_number: None,
        attributes: [("note".to_owned(), LogAttribute(value.clone()))].into(),
    };
    let mut metric: Metric = serde_json::from_value(
        json!({"type": "counter", "name": "n", "value": 1.0, "timestamp": 1.5, "trace_id": TraceId::default()}),
    )
    .unwrap();
    metric
        .attributes
        .insert("note".into(), LogAttribute(value.clone()));
    let items: [EnvelopeItem; 4] = [
        serde_json::from_value::<Event<'static>>(event)
            .unwrap()
            .into(),
        serde_json::from_value::<Transaction<'static>>(transaction)
            .unwrap()
            .into(),
        vec![log].into(),
        vec![metric].into(),
    ];
    items
        .map(|item| {
            let mut envelope = Envelope::new();
            envelope.add_item(item);
            envelope
        })
        .into()
}

/// Where in the bytes a part of a secret is found, in the words around it.
fn found(bytes: &str) -> Vec<String> {
    let parts = [
        "SENTINEL",
        "sentinel.person",
        forms::CARD,
        "4111 1111",
        "4111\u{2009}1111",
        // As JSON escapes them, once and twice.
        r"4111\t1111",
        r"4111\\t1111",
        r"4111\n1111",
        r"4111\\n1111",
        r"4111\u{2009}1111",
        r"4111\\u{2009}1111",
        "4.111111",
        "dXNlcjpTRU5USU5FTA",
    ];
    parts
        .iter()
        .filter_map(|part| super::around(bytes, part))
        .collect()
}

/// The texts that let a secret out, each with a place.
fn leaks(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts
        .into_iter()
        .filter_map(|text| {
            let (envelopes, _) = envelopes(&text);
            let items = envelopes.len();
            let bytes = left(envelopes);
            // The header of each envelope, and the header and the body of each item, have a line.
            assert!(bytes.lines().count() >= items * 3, "all arrived: {text}");
            let place = found(&bytes).into_iter().next()?;
            Some(format!("{text}\n    {place}"))
        })
        .collect()
}

#[test]
fn no_secret_leaves_in_any_form_on_any_surface() {
    let leaks = leaks(forms::texts());
    assert!(
        leaks.is_empty(),
        "{} leak:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn no_secret_leaves_from_any_structure() {
    let leaks: Vec<_> = forms::structures()
        .into_iter()
        .filter_map(|value| {
            let bytes = left(structured(&value));
            assert!(bytes.lines().count() >= 12, "all arrived: {value}");
            let place = found(&bytes).into_iter().next()?;
            Some(format!("{value}\n    {place}"))
        })
        .collect();
    assert!(
        leaks.is_empty(),
        "{} leak:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn the_generator_covers_what_it_says() {
    let (_, surfaces) = envelopes("x");
    let covered = (forms::texts().len(), forms::structures().len(), surfaces);
    assert_eq!(covered, (2728, 366, 125));
}
