//! Waits for what is still on its way out: events for Sentry, and log lines.

use std::{sync::mpsc, thread, time::Duration};

use tokio::time::Instant;

use super::Vitals;
use crate::{logging, sentry::Connection};

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
        let unsent = self.flush_sentry(timeout);
        // Lines were written all the while.
        unsent + logging::flush(timeout.saturating_sub(begun.elapsed()))
    }

    fn flush_sentry(&self, timeout: Duration) -> u64 {
        if !Connection::CAN_SEND {
            return 0;
        }
        let (done, flushed) = mpsc::channel();
        let sentry = self.sentry.clone();
        // Hooks of the client run before anything waits for the timeout, and they can hang. Nobody waits for this thread.
        let spawned = thread::Builder::new()
            .name("vitals-flush".into())
            .spawn(move || _ = done.send(sentry.flush(timeout)));
        let unsent = spawned
            .ok()
            .and_then(|_| flushed.recv_timeout(timeout).ok());
        unsent.unwrap_or_else(|| self.sentry.unsent())
    }
}
