//! Polls a future of the application, and reports once how it ended.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{finished::Subject, running::Running};
use crate::{facts::work::CallOutcome, metrics::Metrics, sentry};

pin_project! {
    /// A future that is measured. An `async` block in its place would be three times as large as the future in it.
    pub(super) struct Followed<F, J> {
        // Dropped before the state: a cancelled future ends before it is reported.
        #[pin]
        future: F,
        state: State,
        judge: Option<J>,
    }

    impl<F, J> PinnedDrop for Followed<F, J> {
        fn drop(this: Pin<&mut Self>) {
            if let State::Running(running) = this.project().state {
                running.begin_drop();
            }
        }
    }
}

/// How far the future is.
pub(super) enum State {
    /// Nobody has polled it. If it is dropped now, it never was a call.
    New(Subject<'static>, Option<Metrics>),
    Running(Running),
    /// It was reported, or a panic of it passes by.
    Ended,
}

// === impl Followed ===

impl<F, J> Followed<F, J> {
    pub(super) const fn new(state: State, future: F, judge: J) -> Self {
        Self {
            future,
            state,
            judge: Some(judge),
        }
    }
}

impl<F, J> Future for Followed<F, J>
where
    F: Future,
    J: FnOnce(&F::Output) -> CallOutcome,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Outside of the future while it is polled, so that a panic ends it.
        let running = match std::mem::replace(this.state, State::Ended) {
            State::New(subject, metrics) => Some(Running::begin(subject, metrics)),
            State::Running(running) => Some(running),
            State::Ended => None,
        };
        let Some(mut running) = running else {
            return this.future.poll(cx);
        };
        sentry::ready_for_work();
        let polled = running.enter(|| this.future.poll(cx));
        match &polled {
            Poll::Ready(output) => {
                if let Some(judge) = this.judge.take() {
                    running.end(judge(output));
                }
            }
            Poll::Pending => *this.state = State::Running(running),
        }
        polled
    }
}
