//! Writes each event as one line of JSON, directly into the bytes of the line.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context};

use crate::{facts::exchange::Exchange, release::Release, timestamp::rfc3339};

/// The capacity of a new line in bytes. Most lines fit.
const ROOM: usize = 512;

/// The layer that writes.
pub(super) struct Lines<W>(pub(super) W);

/// One line while it is written.
struct Line(Vec<u8>);

// === impl Lines ===

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = Line::of(event);
        // Nobody can be told that the line was not written.
        let _ = self.0.make_writer_for(event.metadata()).write_all(&line.0);
    }
}

// === impl Line ===

impl Line {
    fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut line = Self(Vec::with_capacity(ROOM));
        // The text of a timestamp needs no escape.
        let _ = write!(line.0, r#"{{"timestamp":"{}""#, rfc3339::now());
        line.entry("level", metadata.level().as_str());
        line.entry("target", metadata.target());
        event.record(&mut line);
        let has = |name| metadata.fields().field(name).is_some();
        // An event with a field of this name keeps it. JSON must not have two keys of one name.
        if !has("request_id")
            && let Some(exchange) = Exchange::current()
            && let Some(id) = exchange.id()
        {
            line.entry("request_id", id);
        }
        if let Some(release) = Release::current() {
            if let Some(version) = release.version.as_deref().filter(|_| !has("release")) {
                line.entry("release", version);
            }
            if !has("environment") {
                line.entry("environment", &*release.environment);
            }
        }
        line.0.extend_from_slice(b"}\n");
        line
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

    fn field(&mut self, field: &Field, value: impl Serialize) {
        // The prefix of a raw identifier is not part of the name.
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        match name {
            // The line already has these keys.
            "timestamp" | "level" | "target" => self.entry(&format!("field_{name}"), value),
            _ => self.entry(name, value),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        if write!(text, "{value:?}").is_ok() {
            self.field(field, text);
        }
    }
}
