//! Stands in for the queries of sqlx without feature `sqlx`: no event is one of a query.

use tracing::{
    Dispatch, Event, Metadata,
    level_filters::LevelFilter,
    span::{Attributes, Id},
};
use tracing_subscriber::layer::Context;

/// No event must be let through.
pub(crate) const LEVEL: LevelFilter = LevelFilter::OFF;

#[derive(Debug)]
pub(crate) struct QueryReader;

pub(crate) const fn is_query(_: &Metadata<'_>) -> bool {
    false
}

pub(crate) const fn reader() -> QueryReader {
    QueryReader
}

// === impl QueryReader ===

impl QueryReader {
    pub(crate) const fn on_register(&self, _: &Dispatch) {}

    pub(crate) const fn note_span<S>(&self, _: &Attributes<'_>, _: &Id, _: &Context<'_, S>) {}

    pub(crate) const fn take<S>(&self, _: &Event<'_>, _: &Context<'_, S>) {}
}
