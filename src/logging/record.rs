//! Holds what a line tells beside its spans: the event, and what is known of its request and its process.

use std::sync::Arc;

use super::fields::{Each, Value, name};
use crate::{
    facts::{exchange::Exchange, trace_context::TraceContext},
    release::Release,
};
use tracing::{
    Event, Metadata,
    field::{Field, FieldSet},
};

/// One event with what belongs to it.
pub(super) struct Record<'a> {
    pub(super) event: &'a Event<'a>,
    /// A record of crate `log` has its own target here.
    pub(super) metadata: &'a Metadata<'a>,
    is_log: bool,
    exchange: Option<Arc<Exchange>>,
    release: Option<&'static Release>,
}

/// The fields that an event has recorded so far.
pub(super) struct Recorded<'a> {
    fields: &'a FieldSet,
    /// One bit for each of the first 128 fields. Fields behind them are not compared.
    bits: u128,
    /// The marks of their keys. A key without its mark is not there, which saves the search.
    marks: u128,
}

/// The key of a field. A line already has the first three.
pub(super) fn key(name: &'static str) -> &'static str {
    match name {
        "timestamp" => "field_timestamp",
        "level" => "field_level",
        "target" => "field_target",
        other => other,
    }
}

/// The key of a span's field. The line keeps what it says itself, so a span cannot say it in its place.
pub(super) fn span_key(name: &'static str, said: bool) -> &'static str {
    match name {
        "message" => "field_message",
        "request_id" if said => "field_request_id",
        "trace_id" if said => "field_trace_id",
        "span_id" if said => "field_span_id",
        "release" if said => "field_release",
        "environment" if said => "field_environment",
        "service" if said => "field_service",
        other => key(other),
    }
}

// === impl Record ===

impl<'a> Record<'a> {
    /// A record of crate `log` has a `place` in the code of its own.
    pub(super) fn new(event: &'a Event<'a>, place: Option<&'a Metadata<'a>>) -> Self {
        Self {
            event,
            metadata: place.unwrap_or_else(|| event.metadata()),
            is_log: place.is_some(),
            exchange: Exchange::current(),
            release: Release::current(),
        }
    }

    /// Calls `each` with each field of the event, and returns which there were. Of two with one name, only the first is given.
    pub(super) fn fields(&self, mut each: impl FnMut(&'static str, Value<'_>)) -> Recorded<'_> {
        let fields = self.event.metadata().fields();
        let mut recorded = Recorded {
            fields,
            bits: 0,
            marks: 0,
        };
        self.event
            .record(&mut Each(|field: &Field, value: Value<'_>| {
                // The place of a record of crate `log`, which its metadata has.
                let place = self.is_log && field.name().starts_with("log.");
                if !place && recorded.add(field) {
                    each(name(field), value);
                }
            }));
        recorded
    }

    /// What the line knows without the event. A field of the event with one of these names is there instead.
    pub(super) fn own(&self, recorded: &Recorded<'_>) -> [(&'static str, Option<&str>); 6] {
        let exchange = self.exchange.as_ref();
        let id = exchange.and_then(|exchange| exchange.id());
        let trace = exchange.and_then(|exchange| exchange.trace());
        let release = self.release;
        [
            ("request_id", id),
            ("trace_id", trace.map(TraceContext::trace_id)),
            ("span_id", trace.map(TraceContext::span_id)),
            ("release", release.and_then(|it| it.version.as_deref())),
            ("environment", release.map(|it| it.environment.as_str())),
            ("service", release.and_then(|it| it.service.as_deref())),
        ]
        .map(|(name, value)| (name, value.filter(|_| !recorded.has(name))))
    }
}

// === impl Recorded ===

impl Recorded<'_> {
    /// Whether the event has this key.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.marks & mark(wanted) != 0 && self.is_among(wanted)
    }

    fn is_among(&self, wanted: &str) -> bool {
        let mut fields = self.fields.iter().enumerate();
        fields.any(|(index, field)| self.bits & bit(index) != 0 && key(name(&field)) == wanted)
    }

    /// Adds a field. Returns `false` if an earlier one has the same key.
    fn add(&mut self, field: &Field) -> bool {
        let key = key(name(field));
        let mark = mark(key);
        let new = self.marks & mark == 0 || !self.is_among(key);
        self.bits |= bit(field.index());
        self.marks |= mark;
        new
    }
}

/// One of 128 bits, by the length and the ends of a key.
fn mark(key: &str) -> u128 {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
    let bytes = key.as_bytes();
    1 << ((bytes.len() + 5 * end(bytes.first()) + 11 * end(bytes.last())) % 128)
}

/// 0 for a field beyond the most that an event has.
fn bit(index: usize) -> u128 {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    1_u128.checked_shl(index).unwrap_or(0)
}
