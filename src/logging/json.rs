//! Writes each event as one line of JSON, directly into the bytes of the line.

use std::{cell::Cell, fmt, io::Write as _};

use serde::{Serialize, Serializer, ser::Error as _};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::{
    fields::{SpanFields, Value},
    record::{Record, Recorded, key, span_key},
};
use crate::timestamp::rfc3339;

/// The capacity of a new line in bytes. Most lines fit.
const ROOM: usize = 512;

/// One line while it is written.
struct Line(Vec<u8>);

/// A value that writes itself into the line, without a text of its own between.
struct Direct<'a>(&'a dyn fmt::Debug);

/// Notes whether a value failed to write itself. `serde_json` would panic at that.
struct Checked<'a> {
    value: &'a dyn fmt::Debug,
    failed: Cell<bool>,
}

/// The line of an event, and of the spans around it.
pub(super) fn line<'s, S>(record: &Record<'_>, spans: Option<Scope<'s, S>>) -> Vec<u8>
where
    S: LookupSpan<'s>,
{
    let mut line = Line(Vec::with_capacity(ROOM));
    // The text of a timestamp needs no escape.
    let _ = write!(line.0, r#"{{"timestamp":"{}""#, rfc3339::now());
    line.entry("level", record.metadata.level().as_str());
    line.entry("target", record.metadata.target());
    let recorded = record.fields(|name, value| line.field(key(name), value));
    let own = record.own(&recorded);
    for (name, value) in own {
        if let Some(value) = value {
            line.entry(name, value);
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
        own: &[(&'static str, Option<&str>)],
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
                let said = own.iter().find(|(own, _)| *own == name);
                let said = said.and_then(|(_, value)| *value);
                if said.is_some_and(|said| value.is(said)) {
                    continue;
                }
                let key = span_key(name, said.is_some());
                if !recorded.has(key) && !written.contains(&key) {
                    written.push(key);
                    self.field(key, value);
                }
            }
        }
    }

    /// Adds a key and its value. Adds neither if the value cannot be written.
    fn entry(&mut self, name: &str, value: impl Serialize) {
        let before = self.0.len();
        self.0.push(b',');
        let written = serde_json::to_writer(&mut self.0, name).and_then(|()| {
            self.0.push(b':');
            serde_json::to_writer(&mut self.0, &value)
        });
        if written.is_err() {
            self.0.truncate(before);
        }
    }

    fn field(&mut self, key: &str, value: Value<'_>) {
        match value {
            Value::Bool(value) => self.entry(key, value),
            Value::F64(value) => self.entry(key, value),
            Value::I64(value) => self.entry(key, value),
            Value::U64(value) => self.entry(key, value),
            Value::Text(value) => self.entry(key, value),
            Value::Debug(value) => self.entry(key, Direct(value)),
            Value::Error(value, causes) => {
                self.entry(key, Direct(value));
                if !causes.is_empty() {
                    self.entry(&format!("{key}.sources"), causes);
                }
            }
        }
    }
}

// === impl Direct ===

impl Serialize for Direct<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let checked = Checked {
            value: self.0,
            failed: Cell::new(false),
        };
        let written = serializer.collect_str(&checked)?;
        match checked.failed.get() {
            true => Err(S::Error::custom("the value cannot be written")),
            false => Ok(written),
        }
    }
}

impl fmt::Display for Checked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failed.set(write!(f, "{:?}", self.value).is_err());
        Ok(())
    }
}
