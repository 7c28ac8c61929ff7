//! Holds what a line tells beside its spans: the event, and what is known of its request and its process.

use std::{rc::Rc, sync::Arc};

use tracing::{Event, Metadata, field::Field};

use super::{
    fields::{Each, Value},
    shape::{self, FieldShape, OWN, Shape},
};
use crate::{
    facts::{exchange::Exchange, trace_context::TraceContext},
    release::Release,
};

/// One event with what belongs to it.
pub(super) struct Record<'a> {
    pub(super) event: &'a Event<'a>,
    /// A record of crate `log` has its own target here.
    pub(super) metadata: &'a Metadata<'a>,
    pub(super) is_log: bool,
    pub(super) shape: Rc<Shape>,
    exchange: Option<Arc<Exchange>>,
    release: Option<&'static Release>,
}

/// The fields that an event has recorded so far.
pub(super) struct Recorded<'a> {
    shape: &'a Shape,
    /// One bit for each of the first 128 fields. Fields behind them are not compared.
    bits: u128,
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
        other => shape::key(other),
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
            shape: shape::of(event.metadata()),
            exchange: Exchange::current(),
            release: Release::current(),
        }
    }

    /// Calls `each` with each field of the event, and returns which there were. Of two with one name, only the first is given.
    pub(super) fn fields(&self, mut each: impl FnMut(&FieldShape, Value<'_>)) -> Recorded<'_> {
        let shape = &*self.shape;
        let mut recorded = Recorded { shape, bits: 0 };
        self.event
            .record(&mut Each(|field: &Field, value: Value<'_>| {
                // The place of a record of crate `log`, which its metadata has.
                let place = self.is_log && field.name().starts_with("log.");
                if !place && let Some(field) = recorded.add(field.index()) {
                    each(field, value);
                }
            }));
        recorded
    }

    /// The values of [`OWN`], which the line knows without the event. A field of the event with such a name is there instead.
    pub(super) fn own(&self, recorded: &Recorded<'_>) -> [Option<&str>; OWN.len()] {
        let exchange = self.exchange.as_ref();
        let trace = exchange.and_then(|exchange| exchange.trace());
        let release = self.release;
        let mut own = [
            None,
            trace.map(TraceContext::trace_id),
            trace.map(TraceContext::span_id),
            release.and_then(|it| it.version.as_deref()),
            release.map(|it| it.environment.as_str()),
            release.and_then(|it| it.service.as_deref()),
        ];
        for (value, places) in own.iter_mut().zip(recorded.shape.own) {
            *value = value.filter(|_| recorded.bits & places == 0);
        }
        // The event of a request has the id, which is not asked for then.
        if recorded.bits & recorded.shape.own[0] == 0 {
            own[0] = exchange.and_then(|exchange| exchange.id());
        }
        own
    }
}

// === impl Recorded ===

impl<'a> Recorded<'a> {
    /// Whether the event has this key.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.shape.may_have(wanted) && self.bits & self.shape.places(wanted) != 0
    }

    /// Adds the field at this place. `None` if an earlier one has the same key.
    #[inline]
    fn add(&mut self, index: usize) -> Option<&'a FieldShape> {
        let field = self.shape.fields.get(index)?;
        let is_new = !field.is_double || !self.has(field.key);
        self.bits |= field.bit;
        is_new.then_some(field)
    }
}
