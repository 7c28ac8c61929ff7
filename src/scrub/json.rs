//! Scrubs the fields of a JSON document, by their names and by their texts.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{FILTERED, Scrubbing, names, urls::query};

/// The depth beyond which everything is filtered.
const DEEPEST: usize = 64;

/// The headers whose values are kept. Of all others only the names are.
const HEADERS: &[&str] = &[
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

/// Fields that the application sets when it starts, and the SDK's own. A version can look like an e-mail address.
const TRUSTED: &[&str] = &[
    "release",
    "environment",
    "dist",
    "sdk",
    "platform",
    "event_id",
    "debug_meta",
    "modules",
];

/// Fields in which the preset for health data keeps no text.
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
    /// Scrubs the header of an envelope: it has the SDK's own numbers, and the name of a transaction.
    pub(crate) fn header(&self, header: &mut Value) {
        if let Some(name) = header.pointer_mut("/trace/transaction") {
            self.value_of(name, 0);
        }
    }

    /// Scrubs one item of an envelope in place.
    pub(crate) fn item(&self, item: &mut Value) {
        match item {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    if !TRUSTED.contains(&name.as_str()) {
                        self.field(name, value, 1);
                    }
                }
            }
            other => self.value_of(other, 0),
        }
    }

    fn value_of(&self, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(kept) = self.text(text) {
                    *text = kept;
                }
            }
            Value::Array(_) | Value::Object(_) if depth >= DEEPEST => *value = FILTERED.into(),
            Value::Array(values) => {
                for value in values {
                    self.value_of(value, depth + 1);
                }
            }
            Value::Object(fields) => self.fields(fields, depth + 1),
            _ => {}
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>, depth: usize) {
        self.names(fields);
        for (name, value) in fields.iter_mut() {
            self.field(name, value, depth);
        }
    }

    /// The name of a field can itself be a secret.
    fn names(&self, fields: &mut Map<String, Value>) {
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

    fn field(&self, name: &str, value: &mut Value, depth: usize) {
        match name {
            "headers" => self.headers(value, depth),
            "query_string" => match value.as_str().map(query) {
                Some(kept) => *value = kept.into(),
                None => self.filter(value, depth),
            },
            "env" => self.filter(value, depth),
            // The protocol has a type for it, so it cannot be a text.
            "ip_address" => *value = Value::Null,
            "url" if !self.free_text => *value = Value::Null,
            "trace_id" | "span_id" | "parent_span_id" | "sid" | "check_in_id" if is_id(value) => {}
            "request" => {
                if let Some(body) = value.get_mut("data") {
                    self.filter(body, depth);
                }
                self.value_of(value, depth);
            }
            // The value of a measurement is a number, and not a text.
            "value" if value.is_number() => {}
            _ if !self.free_text && FREE_TEXT.contains(&name) => self.filter(value, depth),
            _ if names::is_secret(name, &self.keys) => self.filter(value, depth),
            _ => self.value_of(value, depth),
        }
    }

    fn headers(&self, headers: &mut Value, depth: usize) {
        match headers {
            Value::Object(headers) => {
                for (name, value) in headers.iter_mut() {
                    if HEADERS.contains(&name.to_lowercase().as_str()) {
                        self.value_of(value, depth);
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
            _ if depth >= DEEPEST => *value = FILTERED.into(),
            Value::Null | Value::Bool(_) => {}
            Value::String(_) | Value::Number(_) => *value = FILTERED.into(),
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| self.filter(value, depth + 1)),
            Value::Object(fields) => {
                self.names(fields);
                // An attribute of a log has the type of its value.
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
