//! Waits for what is still on its way out: events for Sentry, and log lines.

use std::time::Duration;

use super::Vitals;
use crate::logging;

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
        let begun = tokio::time::Instant::now();
        let unsent = self.sentry.flush(timeout);
        // Lines were written all the while.
        unsent + logging::flush(timeout.saturating_sub(begun.elapsed()))
    }
}
