//! Measures a query of a database.

use std::{future::Future, time::Duration};

use super::{
    finished::{SLOW, Subject},
    running::Running,
};
use crate::{
    facts::{
        query::Operation,
        work::{CallOutcome, Work},
    },
    metrics::Metrics,
};

/// A query to measure. See [`query`].
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before something runs"]
pub struct Query {
    subject: Subject<'static>,
    metrics: Option<Metrics>,
}

/// Measures a query, such as `SELECT` of `appointments`.
pub fn query(operation: &str, table: &'static str) -> Query {
    Query {
        subject: Subject {
            work: Work::Query,
            name: table,
            detail: Operation::named(operation).index(),
            threshold: SLOW,
        },
        metrics: None,
    }
}

// === impl Query ===

impl Query {
    /// From when on it is slow. Defaults to 1 s.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.subject.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Runs a query.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let running = Running::begin(self.subject, self.metrics);
        running.follow(future, |_| CallOutcome::Success).await
    }
}
