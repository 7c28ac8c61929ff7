//! Lets the room `operations` hear of the queries of sqlx, whichever lines are chosen.
//!
//! It is one layer with one filter: with two, `tracing` would ask both about each event again and again, as they answer differently.

use std::sync::Arc;

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_log::{AsLog, log};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

use crate::operations::sqlx::{self, QueryReader};

/// Writes the chosen lines, and measures queries.
pub(super) struct WithQueries<L> {
    lines: L,
    chosen: Arc<EnvFilter>,
    queries: QueryReader,
}

/// Lets the chosen lines through, and queries.
struct ChosenOrQuery(Arc<EnvFilter>);

/// `lines` with this filter, beside what measures queries.
pub(super) fn filtered<L, S>(lines: L, filter: EnvFilter) -> impl Layer<S> + Send + Sync
where
    L: Layer<S> + Send + Sync,
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let chosen = Arc::new(filter);
    let filter = ChosenOrQuery(Arc::clone(&chosen));
    let layer = WithQueries {
        lines,
        chosen,
        queries: sqlx::reader(),
    };
    layer.with_filter(filter)
}

/// Sets the level of crate `log` to that of the lines, if the subscriber has raised it from `before`: else each of its records at
/// `DEBUG` would be made, only to be refused.
pub(super) fn quiet_log_crate(before: log::LevelFilter, lines: LevelFilter) {
    if log::max_level() > before {
        log::set_max_level(log::max_level().min(lines.as_log()).max(before));
    }
}

// === impl WithQueries ===

impl<L, S> Layer<S> for WithQueries<L>
where
    L: Layer<S>,
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.queries.on_register(subscriber);
        self.lines.on_register_dispatch(subscriber);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        self.queries.note_span(attributes, id, &ctx);
        self.lines.on_new_span(attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        self.lines.on_record(id, values, ctx);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if sqlx::is_query(event.metadata()) {
            self.queries.take(event, &ctx);
            if !self.chosen.enabled(event.metadata(), ctx.clone()) {
                return;
            }
        }
        self.lines.on_event(event, ctx);
    }
}

// === impl ChosenOrQuery ===

impl<S> Filter<S> for ChosenOrQuery {
    fn enabled(&self, metadata: &Metadata<'_>, ctx: &Context<'_, S>) -> bool {
        sqlx::is_query(metadata) || Filter::enabled(&*self.0, metadata, ctx)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let chosen = Filter::<S>::callsite_enabled(&*self.0, metadata);
        match sqlx::is_query(metadata) {
            true => Interest::always(),
            false => chosen,
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let chosen = Filter::<S>::max_level_hint(&*self.0);
        chosen.map(|chosen| chosen.max(sqlx::LEVEL))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        Filter::on_new_span(&*self.0, attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        Filter::on_record(&*self.0, id, values, ctx);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        Filter::on_enter(&*self.0, id, ctx);
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        Filter::on_exit(&*self.0, id, ctx);
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        Filter::on_close(&*self.0, id, ctx);
    }
}
