//! Says which fields a log line keeps of data about people's health.

use serde_json::Value;

use super::{allowed::CLOSED, code::is_code, is_route, is_uuid, is_word};

/// Whether the field may be in a line.
pub(in crate::scrub) fn may_be_logged(name: &str, value: &Value) -> bool {
    let text = value.as_str();
    match name {
        "timestamp" | "level" | "release" | "environment" | "service" | "external_service"
        | "http_version" => is_word(value),
        "target" => text.is_some_and(is_code),
        // That of the event of a request. Another one can be a sentence.
        "message" => text == Some("request"),
        "request_id" => text.is_some_and(is_uuid),
        "trace_id" | "span_id" => {
            text.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        "endpoint" => text.is_some_and(is_route),
        "category" => is_closed("error_category", text),
        "method" | "severity" | "outcome" => is_closed(name, text),
        "status" | "grpc_status" | "head_ms" | "wait_ms" | "total_ms" | "bytes"
        | "request_bytes" | "sample_share" => value.is_number(),
        "length_mismatch" => value.is_boolean(),
        _ => false,
    }
}

/// Whether it is one of the closed words that a field of this name has.
fn is_closed(name: &str, text: Option<&str>) -> bool {
    let words = CLOSED.iter().find(|(known, _)| *known == name);
    text.is_some_and(|text| words.is_some_and(|(_, words)| words.contains(&text)))
}
