//! Names what a service does beside answering requests, and how it can end.

use std::{borrow::Cow, time::Duration};

use tokio::time::Instant;

use super::query::Operation;

/// What is measured beside requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Work {
    /// A monitored function.
    Operation,
    /// A query of a database.
    Query,
    /// A call of another service.
    Outbound,
    /// A run of a background job.
    Job,
}

/// A piece of work that has ended. No text of it comes from a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedWork<'a> {
    pub(crate) work: Work,
    /// A function, a table, a service or a job.
    pub(crate) name: &'a str,
    /// Tells work of one name apart: the operation of a query.
    pub(crate) detail: u8,
    /// `None` if nobody knows: sqlx does not tell how its queries ended.
    pub(crate) outcome: Option<CallOutcome>,
    pub(crate) duration: Duration,
    /// How long ago it ended. A call of another service ends with the head of its answer, and is reported after the body.
    pub(crate) ago: Duration,
    /// Above this it was slow.
    pub(crate) threshold: Duration,
}

/// How a call of something ended: a monitored function, a query, another service, a run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// It returned, and not with an error.
    Success,
    /// It returned an error.
    Error,
    /// It returned an error that says that something took too long.
    Timeout,
    /// Its future was dropped before it returned.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// When a job last succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastSuccess {
    /// In seconds since 1970.
    pub(crate) at: f64,
    /// By the clock that measures.
    pub(crate) measured: Instant,
}

// === impl Work ===

impl Work {
    pub(crate) const ALL: [Self; 4] = [Self::Operation, Self::Query, Self::Outbound, Self::Job];

    /// How many details work of one name can have. They are numbers from 0 on: the operations of queries.
    pub(crate) const fn details(self) -> usize {
        match self {
            Self::Query => Operation::COUNT,
            Self::Operation | Self::Outbound | Self::Job => 1,
        }
    }

    /// One word for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Query => "query",
            Self::Outbound => "call",
            Self::Job => "job",
        }
    }
}

// === impl EndedWork ===

impl EndedWork<'_> {
    pub(crate) fn is_slow(&self) -> bool {
        self.duration > self.threshold
    }

    /// What a query does.
    pub(crate) fn operation(&self) -> Option<&'static str> {
        let is_query = self.work == Work::Query;
        is_query.then(|| Operation::at(self.detail).as_str())
    }

    /// What was done, in words: `SELECT appointments`.
    pub(crate) fn words(&self) -> Cow<'_, str> {
        match self.operation() {
            Some(operation) => format!("{operation} {}", self.name).into(),
            None => self.name.into(),
        }
    }

    /// The name, if this is work of that kind.
    pub(crate) fn named(&self, work: Work) -> Option<&str> {
        (self.work == work).then_some(self.name)
    }
}

#[cfg(test)]
impl<'a> EndedWork<'a> {
    /// One that was not slow.
    pub(crate) const fn of(
        work: Work,
        name: &'a str,
        detail: u8,
        outcome: CallOutcome,
        duration: Duration,
    ) -> Self {
        Self {
            work,
            name,
            detail,
            outcome: Some(outcome),
            duration,
            ago: Duration::ZERO,
            threshold: Duration::MAX,
        }
    }
}

// === impl CallOutcome ===

impl CallOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Error,
        Self::Timeout,
        Self::Cancelled,
        Self::Panicked,
    ];

    /// The value of the metric label and of the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }

    /// Whether it failed: an error, a timeout or a panic.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Timeout | Self::Panicked)
    }

    /// How many indices there are: those of [`ALL`](Self::ALL), and one for an outcome that nobody knows.
    pub(crate) const INDICES: usize = Self::ALL.len() + 1;

    pub(crate) fn index(outcome: Option<Self>) -> u8 {
        outcome.map_or(Self::ALL.len() as u8, |outcome| outcome as u8)
    }

    /// The outcome with this index.
    pub(crate) fn at(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }
}
