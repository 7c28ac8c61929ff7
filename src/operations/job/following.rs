//! Polls the future of a run, and drops it, in the exchange of the run.

use std::{
    future::{Future, poll_fn},
    mem,
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use super::{error::Ended, run::Run};

/// A run and its future. If it is dropped before the future completes, the run was cancelled.
pub(super) struct Following<F> {
    run: Run,
    /// Boxed, so that it can be dropped in the exchange. A job is long, so that is little.
    future: Option<Pin<Box<F>>>,
}

// === impl Following ===

impl<F: Future> Following<F> {
    pub(super) fn new(run: Run, future: F) -> Self {
        Self {
            run,
            future: Some(Box::pin(future)),
        }
    }

    /// Polls the future to its end. `judge` tells how it ended.
    pub(super) async fn finish(mut self, judge: impl FnOnce(&F::Output) -> Ended) -> F::Output {
        let output = poll_fn(|cx| self.poll(cx)).await;
        self.run.end(judge(&output));
        output
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { run, future } = self;
        let polled = run.enter(|| {
            let polled = future.as_mut()?.as_mut().poll(cx);
            if polled.is_ready() {
                *future = None;
            }
            Some(polled)
        });
        let payload = match polled {
            Ok(polled) => return polled.unwrap_or(Poll::Pending),
            Err(payload) => payload,
        };
        let rest = future.take();
        // Its destructor can panic as well. The first panic counts.
        if let Err(again) = run.enter(|| drop(rest)) {
            mem::forget(again);
        }
        run.panicked(&*payload);
        resume_unwind(payload)
    }
}

impl<F> Drop for Following<F> {
    fn drop(&mut self) {
        let Some(rest) = self.future.take() else {
            return;
        };
        if let Err(payload) = self.run.enter_drop(|| drop(rest)) {
            self.run.panicked_in_drop(&*payload);
            if thread::panicking() {
                mem::forget(payload);
            } else {
                resume_unwind(payload);
            }
        }
    }
}
