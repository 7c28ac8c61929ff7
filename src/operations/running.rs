//! Follows a piece of work from its begin to its end, which it reports exactly once.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use tokio::time::Instant;

use super::finished::{Finished, Subject};
use crate::{facts::work::CallOutcome, metrics::Metrics, runtime::late_now};

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
}

// === impl Running ===

impl Running {
    pub(super) fn begin(subject: Subject<'static>, metrics: Option<Metrics>) -> Self {
        Self {
            subject,
            metrics,
            started: Instant::now(),
            in_code: false,
            ended: false,
        }
    }

    /// Runs a future to its end. `judge` tells how it ended.
    pub(super) async fn follow<F: Future>(
        mut self,
        future: F,
        judge: impl FnOnce(&F::Output) -> CallOutcome,
    ) -> F::Output {
        let mut future = pin!(future);
        let output = poll_fn(|cx| {
            self.in_code = true;
            let polled = future.as_mut().poll(cx);
            self.in_code = false;
            polled
        })
        .await;
        self.end(judge(&output));
        output
    }

    /// Runs plain code.
    pub(super) fn time<T>(
        mut self,
        code: impl FnOnce() -> T,
        judge: impl FnOnce(&T) -> CallOutcome,
    ) -> T {
        self.in_code = true;
        let output = code();
        self.in_code = false;
        self.end(judge(&output));
        output
    }

    pub(super) fn end(&mut self, outcome: CallOutcome) {
        self.end_at(Instant::now, outcome);
    }

    fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: CallOutcome) {
        if !std::mem::replace(&mut self.ended, true) {
            let duration = now().saturating_duration_since(self.started);
            let finished = Finished {
                subject: self.subject,
                outcome,
                duration,
            };
            finished.report(self.metrics.as_ref());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let outcome = match self.in_code {
            true => CallOutcome::Panicked,
            false => CallOutcome::Cancelled,
        };
        self.end_at(late_now, outcome);
    }
}
