//! Leaves alone what is no secret: names of code, ids, times, numbers.

use sentry::{
    ClientOptions, Envelope,
    protocol::{Attachment, Event, Log, LogAttribute, LogLevel, Transaction, Value},
};
use serde_json::json;

use super::{LONG, arrived, client};
use crate::support::dsn::{Answer, Dsn};

fn frame(function: &str, module: &str, filename: &str) -> Value {
    json!({
        "function": function, "module": module, "filename": filename, "abs_path": format!("/src/shop/{filename}"),
        "lineno": 41, "colno": 7, "in_app": true, "instruction_addr": "0x55d1c1f4a2b0", "package": "/usr/bin/shop",
    })
}

#[test]
fn names_of_code_ids_and_times_leave_unchanged() {
    let event = json!({
        "event_id": "41112222333344448555666677778888",
        "timestamp": 1_764_140_000.25,
        "logger": "shop::auth::jwt",
        "transaction": "/sessions/{id}/tokens",
        "fingerprint": ["tokens", "auth"],
        "exception": {"values": [{
            "type": "shop::auth::TokenError<shop::session::Session>", "module": "shop::session",
            "mechanism": {"type": "panic", "handled": false},
            "stacktrace": {"frames": [
                frame("<core::pin::Pin<P> as core::future::future::Future>::poll", "core::pin", "core/src/pin.rs"),
                frame("alloc::boxed::Box<dyn shop::Session>::call", "alloc::boxed", "alloc/src/boxed.rs"),
                frame("shop::auth::login::{closure#0}", "shop::auth", "src/auth/session.rs"),
                frame("shop::session::load", "shop::session", "src/session/token.rs"),
            ]},
        }]},
        "threads": {"values": [{"id": 4_111_111_111_111_111_u64, "name": "tokio-runtime-worker", "current": true}]},
        "breadcrumbs": {"values": [{"timestamp": 1_764_140_000.125, "category": "shop::auth::token", "message": "looked up"}]},
        "contexts": {
            "Rust Tracing Location": {"type": "unknown", "module_path": "shop::auth::jwt", "file": "src/auth/jwt.rs", "line": 41},
            "trace": {"type": "trace", "trace_id": "41112222333344448555666677778888", "span_id": "4111111111111111"},
            "device": {"type": "device", "arch": "x86_64", "memory_size": 4_111_111_111_111_111_u64},
        },
        "tags": {"request_id": "41112222-3333-4444-8555-666677778888", "error_category": "database"},
        "extra": {"rows": 17, "total_ms": 12.5, "started_ms": 1_764_140_000_123_u64, "pairs": ["red", "blue"], "max_tokens": 4096, "args": ["--token", "--verbose"]},
    });
    let envelope: Event<'static> = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(arrived(envelope.into(), "event"), event);
}

#[test]
fn spans_of_sql_and_their_places_leave_unchanged() {
    let span = json!({
        "span_id": "4111111111111111", "trace_id": "41112222333344448555666677778888", "parent_span_id": "5500000000000004",
        "op": "db.sql.query", "description": "SELECT id, name FROM orders WHERE state = 'paid' AND id = $1",
        "start_timestamp": 1_767_225_600, "timestamp": "2026-01-01T00:00:01Z", "status": "ok",
        "data": {
            "db.statement": "UPDATE sessions SET seen = now() WHERE owner = $1", "code.function.name": "shop::session::touch",
            "code.module.name": "shop::session", "code.file.path": "src/session/mod.rs", "code.line.number": 17,
            "sentry.tracing.target": "shop::auth", "thread.id": 4_111_111_111_111_111_u64, "http.target": "/orders/17",
            "gen_ai.usage.input_tokens": 1024, "gen_ai.request.max_tokens": "4096", "options": [{"name": "max_tokens", "value": 512}],
        },
    });
    let transaction = json!({
        "event_id": "41112222333344448555666677778888", "transaction": "/orders", "start_timestamp": 1_767_225_600,
        "timestamp": "2026-01-01T00:00:01Z", "spans": [span],
    });
    let envelope: Transaction<'static> = serde_json::from_value(transaction.clone()).unwrap();
    assert_eq!(arrived(envelope.into(), "transaction"), transaction);
}

#[test]
fn attributes_of_logs_leave_with_their_types() {
    let attribute = |name: &str, value: Value| (name.to_owned(), LogAttribute(value));
    let log = Log {
        level: LogLevel::Error,
        body: "declined".into(),
        trace_id: None,
        timestamp: std::time::UNIX_EPOCH,
        severity_number: None,
        attributes: [
            attribute("card", 4_111_111_111_111_111_u64.into()),
            attribute("amount", 17.into()),
            attribute("code.module.name", "shop::auth::jwt".into()),
            attribute("sentry.trace.parent_span_id", "4111111111111111".into()),
            attribute("session", 17.into()),
            attribute("gen_ai.usage.output_tokens", 77.into()),
            attribute("otp_tokens", 770_077.into()),
        ]
        .into(),
    };
    let mut envelope = Envelope::new();
    envelope.add_item(vec![log]);
    let logs = arrived(envelope, "log");
    assert_eq!(
        logs["items"][0]["attributes"],
        json!({
            "card": {"value": "[Filtered]", "type": "string"},
            "amount": {"value": 17, "type": "integer"},
            "code.module.name": {"value": "shop::auth::jwt", "type": "string"},
            "sentry.trace.parent_span_id": {"value": "4111111111111111", "type": "string"},
            "session": {"value": "[Filtered]", "type": "string"},
            "gen_ai.usage.output_tokens": {"value": 77, "type": "integer"},
            "otp_tokens": {"value": "[Filtered]", "type": "string"},
        })
    );
}

#[test]
fn a_secret_as_the_type_of_an_error_does_not_leave() {
    // The SDK takes the first word of an error's `Debug` for its type.
    for secret in [
        "ghp_SENTINELgithub0123456789",
        "password=SENTINEL",
        "shop::password=SENTINEL",
    ] {
        let event = json!({"exception": {"values": [{"type": secret}]}});
        let envelope: Event<'static> = serde_json::from_value(event).unwrap();
        let left = arrived(envelope.into(), "event").to_string();
        assert!(
            left.contains("[Filtered]") && !left.contains("SENTINEL"),
            "{left}"
        );
    }
}

#[test]
fn a_secret_as_the_id_of_a_thread_or_the_type_of_an_attachment_does_not_leave() {
    let event = json!({"threads": {"values": [{"id": "password=SENTINEL"}]}});
    let envelope: Event<'static> = serde_json::from_value(event).unwrap();
    assert_eq!(
        arrived(envelope.into(), "event")["threads"]["values"][0]["id"],
        "password=[Filtered]"
    );
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    let mut envelope: Envelope = Event::default().into();
    envelope.add_item(Attachment {
        buffer: b"hello".to_vec(),
        content_type: Some("text/plain; password=SENTINEL".into()),
        ..Attachment::default()
    });
    client.send_envelope(envelope);
    assert!(client.flush(Some(LONG)));
    let bytes = String::from_utf8(dsn.bytes()).unwrap();
    assert!(bytes.contains("text/plain; password=[Filtered]"), "{bytes}");
}

#[test]
fn parameters_leave_filtered_if_their_message_names_a_secret() {
    let sent = |message: &str| {
        let event = json!({"logentry": {"message": message, "params": ["SENTINEL", 17]}});
        let envelope: Event<'static> = serde_json::from_value(event).unwrap();
        arrived(envelope.into(), "event")["logentry"]["params"].clone()
    };
    let filtered = json!(["[Filtered]", "[Filtered]"]);
    assert_eq!(sent("login with password=%s of %s"), filtered);
    assert_eq!(sent("Bearer abc12345 of %s and %s"), filtered);
    assert_eq!(sent("order %s of %s"), json!(["SENTINEL", 17]));
}

#[test]
fn a_context_with_the_name_of_a_secret_leaves_filtered() {
    let event = json!({"contexts": {"session": {"type": "unknown", "user": "SENTINEL", "n": 17}}});
    let envelope: Event<'static> = serde_json::from_value(event).unwrap();
    assert_eq!(
        arrived(envelope.into(), "event")["contexts"]["session"],
        json!({"type": "unknown", "user": "[Filtered]", "n": "[Filtered]"})
    );
}
