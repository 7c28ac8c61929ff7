//! Follows a piece of work from its begin to its end, which it reports exactly once.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    finished::{self, Subject},
    own_query::OwnQuery,
};
use crate::{
    facts::work::{CallOutcome, EndedWork, Work},
    metrics::Metrics,
    runtime::late_now,
};

/// A piece of work that has begun. If it is dropped before its end, it was cancelled, or it panicked.
#[derive(Debug)]
pub(super) struct Running {
    subject: Subject<'static>,
    /// The counters of the process if `None`.
    metrics: Option<Metrics>,
    started: Instant,
    /// True while code of the application runs. If it is still true in `Drop`, that code panicked. `thread::panicking` does not
    /// tell: a future can be dropped while another one panics.
    in_code: bool,
    ended: bool,
    /// Is there while what is measured is dropped.
    _dropping: Option<OwnQuery>,
}

// === impl Running ===

impl Running {
    #[inline]
    pub(super) fn begin(subject: Subject<'static>, metrics: Option<Metrics>) -> Self {
        Self {
            subject,
            metrics,
            started: Instant::now(),
            in_code: false,
            ended: false,
            _dropping: None,
        }
    }

    /// Runs plain code.
    pub(super) fn time<T>(
        mut self,
        code: impl FnOnce() -> T,
        judge: impl FnOnce(&T) -> CallOutcome,
    ) -> T {
        let output = self.enter(code);
        self.end(judge(&output));
        output
    }

    /// Runs a part of it. If that panics, so did all of it, and [`is_in_code`](Self::is_in_code) stays true.
    #[inline]
    pub(super) fn enter<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let _own = self.own_query();
        self.in_code = true;
        let output = code();
        self.in_code = false;
        output
    }

    pub(super) fn end(&mut self, outcome: CallOutcome) {
        self.end_at(Instant::now, outcome);
    }

    /// Ends it in `Drop`.
    pub(super) fn end_late(&mut self, outcome: CallOutcome) {
        self.end_at(late_now, outcome);
    }

    /// Notes that what is measured is dropped now, and this after it.
    pub(super) fn begin_drop(&mut self) {
        self._dropping = self.own_query();
    }

    fn own_query(&self) -> Option<OwnQuery> {
        (self.subject.work == Work::Query).then(OwnQuery::begin)
    }

    pub(super) const fn is_in_code(&self) -> bool {
        self.in_code
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Ends it as of an earlier moment.
    pub(super) fn end_as_of(
        &mut self,
        at: Instant,
        now: impl FnOnce() -> Instant,
        outcome: CallOutcome,
    ) {
        if !std::mem::replace(&mut self.ended, true) {
            let ago = now().saturating_duration_since(at);
            self.report(at, ago, outcome);
        }
    }

    fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: CallOutcome) {
        if !std::mem::replace(&mut self.ended, true) {
            self.report(now(), Duration::ZERO, outcome);
        }
    }

    fn report(&self, at: Instant, ago: Duration, outcome: CallOutcome) {
        let duration = at.saturating_duration_since(self.started);
        let ended = EndedWork {
            ago,
            ..self.subject.ended(outcome, duration)
        };
        finished::report(&ended, self.metrics.as_ref());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_late(match self.in_code {
            true => CallOutcome::Panicked,
            false => CallOutcome::Cancelled,
        });
    }
}
