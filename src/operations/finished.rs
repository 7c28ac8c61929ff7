//! Reports a piece of work that has ended: counts it, leaves a trace of it on its request, and tells if it was slow.

use std::time::Duration;

use super::slow;
use crate::{
    facts::work::{CallOutcome, EndedWork, Work},
    metrics::Metrics,
    sentry,
};

/// From when on work without a threshold of its own is slow.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What is done.
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

// === impl Subject ===

impl<'a> Subject<'a> {
    /// It ends at this moment.
    pub(crate) const fn ended(self, outcome: CallOutcome, duration: Duration) -> EndedWork<'a> {
        EndedWork {
            work: self.work,
            name: self.name,
            detail: self.detail,
            outcome: Some(outcome),
            duration,
            ago: Duration::ZERO,
            threshold: self.threshold,
        }
    }
}

/// Reports it. May be called in `Drop`, while a panic unwinds, and on a thread that is ending.
pub(crate) fn report(ended: &EndedWork<'_>, metrics: Option<&Metrics>) {
    note(ended, metrics);
    tell(ended, metrics);
}

/// Counts it, and leaves a trace of it on its request.
pub(crate) fn note(ended: &EndedWork<'_>, metrics: Option<&Metrics>) {
    // First: what follows calls code of the application.
    Metrics::note_work(metrics, ended);
    sentry::note_work(ended, metrics);
}

/// Tells the log and Sentry if it was slow.
pub(crate) fn tell(ended: &EndedWork<'_>, metrics: Option<&Metrics>) {
    if ended.is_slow() {
        slow::tell(ended, metrics);
    }
}
