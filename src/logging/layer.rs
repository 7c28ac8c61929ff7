//! Hears of spans and events, and writes a line for each event.

use std::{borrow::Cow, io::Write as _};

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

use super::{fields::SpanFields, json, memory, record::Record, scrubbed, text};
use crate::metrics::log_lines;

/// The layer that writes.
pub(super) struct LineLayer<W> {
    pub(super) style: Style,
    pub(super) writer: W,
    /// The writer is a queue, which scrubs lines on a thread of its own.
    pub(super) queued: bool,
}

/// How a line looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Json,
    Text { colour: bool },
}

// === impl LineLayer ===

impl<S, W> Layer<S> for LineLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        // The values write themselves before the span is locked: they may log.
        keep(SpanFields::new(|visit| attributes.record(visit)), id, &ctx);
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, ctx: Context<'_, S>) {
        keep(SpanFields::new(|visit| values.record(visit)), id, &ctx);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let normal = event.normalized_metadata();
        let record = Record::new(event, normal.as_ref());
        let spans = ctx.event_scope(event);
        let line = match self.style {
            Style::Text { colour } if !scrubbed::needs_json() => text::line(&record, spans, colour),
            _ => json::line(&record, spans),
        };
        let scrubbed = match self.queued {
            true => Some(Cow::Borrowed(&*line)),
            false => scrubbed::at_once(&line),
        };
        let mut writer = self.writer.make_writer_for(record.metadata);
        let written = scrubbed.is_some_and(|line| writer.write_all(&line).is_ok());
        memory::keep(line);
        if !written {
            log_lines::lost(1);
        }
    }
}

/// Keeps what a span says. Two layers of one subscriber keep the same fields, so the second changes nothing.
fn keep<S>(fields: SpanFields, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id).filter(|_| !fields.is_empty()) else {
        return;
    };
    let mut extensions = span.extensions_mut();
    match extensions.get_mut::<SpanFields>() {
        Some(before) => before.extend(fields),
        None => extensions.insert(fields),
    }
}
