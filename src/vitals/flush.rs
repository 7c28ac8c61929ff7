//! Waits for what is still on its way out: events for Sentry, notifications, and log lines.

use std::{sync::mpsc, time::Duration};

use tokio::time::Instant;

use super::Vitals;
use crate::{
    emit, logging,
    sentry::{Connection, Outgoing},
};

// === impl Vitals ===

impl Vitals {
    /// Waits until all events for Sentry and all notifications are sent and all log lines of the process are written, but not longer
    /// than `timeout`. Returns how many events, notifications and lines are not.
    ///
    /// Events are those of the client of this stack, of the client that is bound to this thread, and of that of the process.
    /// Counted are those that wait, and those that were lost since the last `flush` or [`run`](Self::run): the queue was full,
    /// Sentry could not be reached, or refused them. Transactions, and batches of logs and metrics, count like events. A
    /// client that is not [guarded](crate::sentry::guard) only says that something is left, which counts as one.
    ///
    /// In a [fleet](crate::guides::fleet), another instance evaluates the alerts of all from now on, if this one did.
    ///
    /// Without feature `sentry` there are no events, without feature `notify` no notifications, and without feature `logging` no
    /// lines. It blocks the thread. Use it at the end of a program that does not use [`run`](Self::run).
    #[expect(
        clippy::must_use_candidate,
        reason = "a caller that only waits does not need the number"
    )]
    pub fn flush(&self, timeout: Duration) -> u64 {
        let begun = Instant::now();
        let unsent = match Connection::CAN_SEND {
            true => {
                let (done, flushed) = mpsc::channel();
                let outgoing = self.flush_sentry(timeout, move |unsent| _ = done.send(unsent));
                let unsent = flushed.recv_timeout(timeout);
                unsent.unwrap_or_else(|_| outgoing.unsent())
            }
            false => 0,
        };
        let left = || timeout.saturating_sub(begun.elapsed());
        let untold = self.notifications.flush(left());
        self.hand_over(left(), true);
        // Lines were written all the while.
        unsent + untold + logging::flush(left())
    }

    /// Sends the events that wait, on a thread that nobody waits for, and gives `done` how many are not sent: hooks of the
    /// client run before anything waits for the timeout, and they can hang. If no thread can start, `done` is dropped.
    pub(super) fn flush_sentry(
        &self,
        timeout: Duration,
        done: impl FnOnce(u64) + Send + 'static,
    ) -> Outgoing {
        let outgoing = self.sentry.outgoing();
        let flushed = outgoing.clone();
        let _ = emit::detached(move || done(flushed.flush(timeout)));
        outgoing
    }
}
