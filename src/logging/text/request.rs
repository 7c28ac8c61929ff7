//! Writes the event of a request as people read it: `GET /orders/{id} 200 12 ms id="…"`.

use super::{Line, OURS, Value};
use crate::{facts::route::UNMATCHED, logging::record::Record};

/// Fields that the line shows in its own words or leaves to JSON. The level tells the severity.
const NOT_LISTED: &[&str] = &[
    "message",
    "method",
    "path",
    "endpoint",
    "status",
    "outcome",
    "severity",
    "head_ms",
    "wait_ms",
    "total_ms",
    "bytes",
    "category",
    "request_id",
    "span_id",
];

/// What the line shows first.
#[derive(Default)]
struct Head {
    method: String,
    path: String,
    endpoint: String,
    status: u64,
    outcome: String,
    total_ms: f64,
    category: Option<String>,
    id: Option<String>,
}

/// Whether the event is that of a request, which this crate wrote.
pub(super) fn is_request(record: &Record<'_>) -> bool {
    let metadata = record.event.metadata();
    metadata.name() == "tower_vitals.request" && metadata.target() == OURS
}

// === impl Line ===

impl Line {
    /// Adds the event of a request. What is as it nearly always is, is left out.
    pub(super) fn request(&mut self, record: &Record<'_>) {
        let head = Head::of(record);
        self.words(format_args!(
            " {} {} {}",
            head.method,
            head.place(),
            head.status
        ));
        if head.outcome != "completed" {
            self.words(format_args!(" {}", head.outcome));
        }
        match head.total_ms {
            // A decimal more where it matters.
            ms if ms < 10.0 => self.words(format_args!(" {ms:.1} ms")),
            ms => self.words(format_args!(" {ms:.0} ms")),
        }
        if let Some(category) = &head.category {
            self.words(format_args!(" {category}"));
        }
        if let Some(id) = &head.id {
            self.text.push(' ');
            self.entry("id", format_args!("{id}"));
        }
        record.fields(|field, value| {
            if !NOT_LISTED.contains(&field.name) {
                self.text.push(' ');
                self.field(field.name, value);
            }
        });
    }
}

// === impl Head ===

impl Head {
    fn of(record: &Record<'_>) -> Self {
        let mut head = Self::default();
        record.fields(|field, value| match (field.name, value) {
            ("method", Value::Text(text)) => text.clone_into(&mut head.method),
            ("path", Value::Text(text)) => text.clone_into(&mut head.path),
            ("endpoint", Value::Text(text)) => text.clone_into(&mut head.endpoint),
            ("outcome", Value::Text(text)) => text.clone_into(&mut head.outcome),
            ("category", Value::Text(text)) => head.category = Some(text.to_owned()),
            ("request_id", Value::Text(text)) => head.id = Some(text.to_owned()),
            ("status", Value::U64(status)) => head.status = status,
            ("total_ms", Value::F64(ms)) => head.total_ms = ms,
            _ => {}
        });
        head
    }

    /// The route. Where there is none, the path tells more.
    fn place(&self) -> &str {
        match self.endpoint == UNMATCHED {
            true => &self.path,
            false => &self.endpoint,
        }
    }
}
