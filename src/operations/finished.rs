//! Reports a piece of work that has ended: counts it, leaves a trace of it on its request, and tells if it was slow.

use std::time::Duration;

use super::slow;
use crate::{
    facts::{
        query::Operation,
        work::{CallOutcome, EndedWork, Work},
    },
    metrics::{Metrics, early::Piece},
    sentry,
};

/// From when on work without a threshold of its own is slow.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) work: Work,
    /// A function, a table, a service or a job. It is never a text of a client.
    pub(crate) name: &'a str,
    /// Tells work of one name apart: the operation of a query.
    pub(crate) detail: u8,
    /// Above this it is slow.
    pub(crate) threshold: Duration,
}

/// A piece of work that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) outcome: CallOutcome,
    pub(crate) duration: Duration,
}

// === impl Finished ===

impl Finished<'_> {
    /// It as counters take it.
    pub(crate) const fn piece(&self) -> Piece<'_> {
        let Subject {
            work, name, detail, ..
        } = self.subject;
        Piece {
            work,
            name,
            detail,
            outcome: self.outcome,
            duration: self.duration,
        }
    }

    /// Reports it. May be called in `Drop`, while a panic unwinds, and on a thread that is ending.
    pub(crate) fn report(&self, metrics: Option<&Metrics>) {
        let Subject {
            work, name, detail, ..
        } = self.subject;
        // First: what follows calls code of the application.
        self.piece().count(metrics);
        let ended = EndedWork {
            work,
            name,
            operation: (work == Work::Query).then(|| Operation::at(detail).as_str()),
            outcome: self.outcome,
            duration: self.duration,
            threshold: self.subject.threshold,
        };
        sentry::note_work(&ended, metrics);
        if ended.is_slow() {
            slow::tell(&ended, metrics);
        }
    }
}
