//! Scrubs the fields of a JSON document, by their names and by their values. It knows the fields of Sentry's protocol.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{FILTERED, Scrubbing, names, urls::query};

/// The depth beyond which everything is filtered.
const MAX_DEPTH: usize = 64;

/// The headers whose values are kept. The values of all other headers are filtered.
const SAFE_HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];

/// Fields of an item that the application sets when it starts, and the SDK's own. A release such as `shop@1.2.3` looks like
/// an e-mail address.
const UNSCRUBBED: &[&str] = &[
    "release",
    "environment",
    "dist",
    "sdk",
    "platform",
    "event_id",
    "debug_meta",
    "modules",
];

/// Fields that [`Scrubbing::health_data`] filters as a whole.
const FREE_TEXT: &[&str] = &[
    "body",
    "data",
    "description",
    "env",
    "extra",
    "formatted",
    "message",
    "params",
    "server_name",
    "user",
    "value",
    "vars",
];

// === impl Scrubbing ===

impl Scrubbing {
    /// Scrubs the header of an envelope. Only the name of a transaction in it can hold a secret.
    pub(crate) fn scrub_envelope_header(&self, header: &mut Value) {
        if let Some(name) = header.pointer_mut("/trace/transaction") {
            self.scrub_value(name, 0);
        }
    }

    /// Scrubs one item of an envelope in place.
    pub(crate) fn scrub_item(&self, item: &mut Value) {
        match item {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    if !UNSCRUBBED.contains(&name.as_str()) {
                        self.scrub_field(name, value, 1);
                    }
                }
            }
            other => self.scrub_value(other, 0),
        }
    }

    fn scrub_value(&self, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(kept) = self.text(text) {
                    *text = kept;
                }
            }
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => *value = FILTERED.into(),
            Value::Array(values) => {
                for value in values {
                    self.scrub_value(value, depth + 1);
                }
            }
            Value::Object(fields) => self.scrub_fields(fields, depth + 1),
            _ => {}
        }
    }

    fn scrub_fields(&self, fields: &mut Map<String, Value>, depth: usize) {
        self.scrub_names(fields);
        for (name, value) in fields.iter_mut() {
            self.scrub_field(name, value, depth);
        }
    }

    /// The name of a field can itself be a secret.
    fn scrub_names(&self, fields: &mut Map<String, Value>) {
        let renamed = fields.keys().filter_map(|name| match self.text(name) {
            Cow::Owned(kept) => Some((name.clone(), kept)),
            Cow::Borrowed(_) => None,
        });
        for (name, kept) in renamed.collect::<Vec<_>>() {
            if let Some(value) = fields.remove(&name) {
                fields.insert(kept, value);
            }
        }
    }

    /// Scrubs the value of a field. The first arm that matches decides.
    fn scrub_field(&self, name: &str, value: &mut Value, depth: usize) {
        match name {
            "headers" => self.scrub_headers(value, depth),
            "query_string" => match value.as_str().map(query) {
                Some(kept) => *value = kept.into(),
                None => self.filter(value, depth),
            },
            "env" => self.filter(value, depth),
            // Sentry expects an address or a URL here, and refuses another text.
            "ip_address" => *value = Value::Null,
            "url" if !self.free_text => *value = Value::Null,
            "trace_id" | "span_id" | "parent_span_id" | "sid" | "check_in_id" if is_id(value) => {}
            "request" => {
                if let Some(body) = value.get_mut("data") {
                    self.filter(body, depth);
                }
                self.scrub_value(value, depth);
            }
            // The value of a measurement is a number, and not a text.
            "value" if value.is_number() => {}
            _ if !self.free_text && FREE_TEXT.contains(&name) => self.filter(value, depth),
            _ if names::is_secret(name, &self.keys) => self.filter(value, depth),
            _ => self.scrub_value(value, depth),
        }
    }

    fn scrub_headers(&self, headers: &mut Value, depth: usize) {
        match headers {
            Value::Object(headers) => {
                for (name, value) in headers.iter_mut() {
                    if SAFE_HEADERS.contains(&name.to_lowercase().as_str()) {
                        self.scrub_value(value, depth);
                    } else {
                        self.filter(value, depth);
                    }
                }
            }
            other => self.filter(other, depth),
        }
    }

    /// Filters every text and number, and keeps the shape.
    fn filter(&self, value: &mut Value, depth: usize) {
        match value {
            _ if depth >= MAX_DEPTH => *value = FILTERED.into(),
            Value::Null | Value::Bool(_) => {}
            Value::String(_) | Value::Number(_) => *value = FILTERED.into(),
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| self.filter(value, depth + 1)),
            Value::Object(fields) => {
                self.scrub_names(fields);
                // An attribute of a log is a value and its type. Both change.
                let is_attribute = fields.len() == 2
                    && fields.contains_key("value")
                    && fields.contains_key("type");
                for (name, value) in fields.iter_mut() {
                    match name.as_str() {
                        "ip_address" => *value = Value::Null,
                        "type" if is_attribute => *value = "string".into(),
                        "value" if is_attribute => *value = FILTERED.into(),
                        _ => self.filter(value, depth + 1),
                    }
                }
            }
        }
    }
}

/// Whether the value is an id: hexadecimal digits and hyphens.
fn is_id(value: &Value) -> bool {
    let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    value
        .as_str()
        .is_some_and(|text| text.len() <= 36 && text.bytes().all(digit))
}
