//! Waits for what is still on its way out: events for Sentry, and log lines.

use std::{sync::mpsc, time::Duration};

use tokio::time::Instant;

use super::Vitals;
use crate::{emit, logging, sentry::Connection};

// === impl Vitals ===

impl Vitals {
    /// Waits until all events for Sentry are sent and all log lines of the process are written, but not longer than
    /// `timeout`. Returns how many events and lines are not.
    ///
    /// Without feature `sentry` there are no events, and without feature `logging` no lines. It blocks the thread. Use it at
    /// the end of a program that does not use [`run`](Self::run).
    #[expect(
        clippy::must_use_candidate,
        reason = "a caller that only waits does not need the number"
    )]
    pub fn flush(&self, timeout: Duration) -> u64 {
        let begun = Instant::now();
        let unsent = match Connection::CAN_SEND {
            true => {
                let (done, flushed) = mpsc::channel();
                self.flush_sentry(timeout, move |unsent| _ = done.send(unsent));
                let unsent = flushed.recv_timeout(timeout);
                unsent.unwrap_or_else(|_| self.sentry.unsent())
            }
            false => 0,
        };
        // Lines were written all the while.
        unsent + logging::flush(timeout.saturating_sub(begun.elapsed()))
    }

    /// Sends the events that wait, on a thread that nobody waits for, and gives `done` how many are not sent: hooks of the
    /// client run before anything waits for the timeout, and they can hang. If no thread can start, `done` is dropped.
    pub(super) fn flush_sentry(&self, timeout: Duration, done: impl FnOnce(u64) + Send + 'static) {
        let sentry = self.sentry.clone();
        let _ = emit::detached(move || done(sentry.flush(timeout)));
    }
}
