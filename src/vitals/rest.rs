//! Delivers at the end of a server what has not gone out: numbers, events, notifications, state and lines.

use std::time::Duration;

use tokio::{
    join,
    sync::oneshot,
    task,
    time::{self, Instant},
};

use super::{ShutdownReport, Vitals};
use crate::{logging, sentry::Connection};

/// The least time that reports get after the server has ended, whatever the deadline.
const AT_LEAST: Duration = Duration::from_millis(100);

/// The most time that reports get.
const AT_MOST: Duration = Duration::from_secs(2);

// === impl Vitals ===

impl Vitals {
    /// Delivers while there is time, and says what has not gone out. After the last server, what the servers share takes nothing more
    /// and ends.
    pub(super) async fn deliver_the_rest(&self, is_last: bool, unfinished: u64) -> ShutdownReport {
        let fleet = async {
            if is_last {
                self.leave_the_fleet().await;
            }
        };
        let ((), (), unsent, untold, unsaved) = join!(
            self.publish_the_rest(),
            fleet,
            self.send_the_rest(),
            self.tell_and_hand_over(is_last),
            self.save_the_rest(is_last)
        );
        // Lines were written all the while.
        let unwritten = self.write_the_rest().await;
        ShutdownReport {
            unfinished,
            unsent,
            untold,
            unwritten,
            unsaved,
        }
    }

    /// Publishes the counters once more, for recorders that push, while there is time. The recorder is called on the
    /// publishing thread, which no runtime waits for.
    async fn publish_the_rest(&self) {
        let (done, published) = oneshot::channel();
        // The receiver can be gone.
        self.metrics().publish_soon(move || _ = done.send(()));
        let _ = time::timeout(self.time_left(), published).await;
    }

    /// Sends the remaining events while there is time. Returns how many are not sent.
    async fn send_the_rest(&self) -> u64 {
        if !Connection::CAN_SEND {
            return 0;
        }
        let timeout = self.time_left();
        let (done, flushed) = oneshot::channel();
        let outgoing = self.flush_sentry(timeout, move |unsent| _ = done.send(unsent));
        match time::timeout(timeout + AT_LEAST / 2, flushed).await {
            Ok(Ok(unsent)) => unsent,
            _ => outgoing.unsent(),
        }
    }

    /// Tells people what waits. After the last server, lets another instance of a fleet evaluate the alerts of all, which knows then
    /// what they were told.
    async fn tell_and_hand_over(&self, is_last: bool) -> u64 {
        let begun = Instant::now();
        let untold = self.tell_the_rest(is_last).await;
        if is_last {
            let left = AT_MOST.saturating_sub(begun.elapsed()).max(AT_LEAST);
            self.hand_over_for_good(self.time_left().min(left)).await;
        }
        untold
    }

    /// Tells people what waits while there is time. Returns how many notifications were not taken. After the last server, they are
    /// given up.
    async fn tell_the_rest(&self, is_last: bool) -> u64 {
        if !self.notifications.is_on() {
            return 0;
        }
        let (notifications, timeout) = (self.notifications.clone(), self.time_left());
        // It ends by itself, so that it does not hold up the end of the runtime.
        let ended = task::spawn_blocking(move || match is_last {
            true => notifications.end(timeout),
            false => notifications.flush(timeout),
        });
        match time::timeout(timeout + AT_LEAST / 2, ended).await {
            Ok(Ok(untold)) => untold,
            _ => self.notifications.pending(),
        }
    }

    /// Writes the state file while there is time. Returns whether that was not enough.
    async fn save_the_rest(&self, is_last: bool) -> bool {
        if !self.lately.has_file() {
            return false;
        }
        let (lately, timeout) = (self.lately.clone(), self.time_left());
        // It ends by itself, so that it does not hold up the end of the runtime.
        let saved = task::spawn_blocking(move || match is_last {
            true => lately.end(timeout),
            false => lately.save(timeout),
        });
        let saved = time::timeout(timeout + AT_LEAST / 2, saved).await;
        !matches!(saved, Ok(Ok(true)))
    }

    /// Waits for the log lines while there is time. Returns how many are not written.
    async fn write_the_rest(&self) -> u64 {
        if logging::flush(Duration::ZERO) == 0 {
            return 0;
        }
        let timeout = self.time_left();
        // It ends by itself, so that it does not hold up the end of the runtime.
        let flushed = task::spawn_blocking(move || logging::flush(timeout));
        match time::timeout(timeout + AT_LEAST / 2, flushed).await {
            Ok(Ok(unwritten)) => unwritten,
            _ => logging::flush(Duration::ZERO),
        }
    }

    /// How long what is still on its way out may take.
    pub(super) fn time_left(&self) -> Duration {
        self.shutdown.left().clamp(AT_LEAST, AT_MOST)
    }
}
