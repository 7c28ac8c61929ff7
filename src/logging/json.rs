//! Writes each event as one line of JSON, directly into the bytes of the line.

use std::fmt::{self, Write as _};

use serde::Serialize;
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::{
    escape::{Inside, push_float, push_text},
    fields::{SpanFields, Value},
    memory,
    record::{Record, Recorded, span_key},
    shape::{OWN, json_head, json_key},
};
use crate::timestamp::rfc3339;

/// What stands around the keys of [`OWN`].
const OWN_KEYS: [&str; OWN.len()] = [
    r#","request_id":"#,
    r#","trace_id":"#,
    r#","span_id":"#,
    r#","release":"#,
    r#","environment":"#,
    r#","service":"#,
];

/// One line while it is written.
struct Line(Vec<u8>);

/// The line of an event, and of the spans around it.
pub(super) fn line<'s, S>(record: &Record<'_>, spans: Option<Scope<'s, S>>) -> Vec<u8>
where
    S: LookupSpan<'s>,
{
    let mut line = Line(memory::empty_line());
    line.0.extend_from_slice(br#"{"timestamp":""#);
    rfc3339::push_now(&mut line.0);
    if record.is_log {
        let metadata = record.metadata;
        line.raw(&json_head(metadata.level().as_str(), metadata.target()));
    } else {
        line.raw(&record.shape.json);
    }
    let recorded = record.fields(|field, value| line.field(&field.json, field.key, value));
    let own = record.own(&recorded);
    for (key, value) in OWN_KEYS.iter().zip(own) {
        if let Some(value) = value {
            line.raw(key);
            push_text(&mut line.0, value);
        }
    }
    if let Some(spans) = spans {
        line.spans(spans, &recorded, &own);
    }
    line.0.extend_from_slice(b"}\n");
    line.0
}

// === impl Line ===

impl Line {
    /// Adds the fields of the spans, from the innermost on. JSON must not have two keys of one name.
    fn spans<'s, S>(
        &mut self,
        spans: Scope<'s, S>,
        recorded: &Recorded<'_>,
        own: &[Option<&str>; OWN.len()],
    ) where
        S: LookupSpan<'s>,
    {
        let mut written = Vec::new();
        for span in spans {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<SpanFields>() else {
                continue;
            };
            for (name, value) in fields.iter() {
                let place = OWN.iter().position(|own| *own == name);
                let said = place.and_then(|place| own[place]);
                if said.is_some_and(|said| value.is(said)) {
                    continue;
                }
                let key = span_key(name, said.is_some());
                if !recorded.has(key) && !written.contains(&key) {
                    written.push(key);
                    self.field(&json_key(key), key, value);
                }
            }
        }
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds a value of a type that can always be written.
    fn json(&mut self, value: impl Serialize) {
        let _ = serde_json::to_writer(&mut self.0, &value);
    }

    /// Adds a value behind its key, with what stands around that. Adds neither if the value cannot be written.
    fn field(&mut self, before: &str, key: &str, value: Value<'_>) {
        let at = self.0.len();
        self.raw(before);
        match value {
            Value::Bool(value) => self.json(value),
            Value::F64(value) => push_float(&mut self.0, value),
            Value::I64(value) => self.json(value),
            Value::U64(value) => self.json(value),
            Value::Text(value) => push_text(&mut self.0, value),
            Value::Debug(value) => self.shown(at, value),
            Value::Error(value, causes) => {
                self.shown(at, value);
                if !causes.is_empty() {
                    self.raw(&json_key(&format!("{key}.sources")));
                    self.json(causes);
                }
            }
        }
    }

    /// Adds a value that writes itself, without a text of its own between. If it fails to, the line ends at `before`.
    fn shown(&mut self, before: usize, value: &dyn fmt::Debug) {
        self.0.push(b'"');
        match write!(Inside(&mut self.0), "{value:?}") {
            Ok(()) => self.0.push(b'"'),
            Err(_) => self.0.truncate(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_keys_are_those_of_a_line() {
        assert_eq!(OWN.map(json_key), OWN_KEYS);
    }
}
