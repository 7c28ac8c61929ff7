//! Reads one of sqlx's events of a query.

use std::{fmt, time::Duration};

use tracing::{
    Event,
    field::{Field, Visit},
};

use super::super::postgres::OURS;
use crate::facts::statement::Statement;

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Read {
    statement: Option<Statement>,
    duration: Option<Duration>,
    /// It is a query of this crate.
    ours: bool,
}

// === impl Read ===

impl Read {
    /// The statement and its duration. `None` if this is no event of sqlx, or a query of this crate.
    pub(super) fn of(event: &Event<'_>) -> Option<(Statement, Duration)> {
        let mut read = Self::default();
        event.record(&mut read);
        read.statement.zip(read.duration).filter(|_| !read.ours)
    }
}

impl Visit for Read {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.duration = Duration::try_from_secs_f64(value).ok();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // The summary has the first four words. The statement comes after it, and is empty if it has no more words.
        let is_statement = match field.name() {
            "summary" => self.statement.is_none(),
            "db.statement" => !value.is_empty(),
            _ => false,
        };
        if is_statement {
            self.ours |= value.trim_start().starts_with(OURS);
            self.statement = Some(Statement::read(value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
