//! Leaves the fleet at the end of a server or of a program.

use std::{sync::mpsc, time::Duration};

use super::Vitals;
use crate::emit;

// === impl Vitals ===

impl Vitals {
    /// Writes to Redis a last time while there is time. The others know then that this instance ended, and have all that it
    /// counted.
    #[cfg(feature = "health")]
    pub(super) async fn leave_the_fleet(&self) {
        let Some(running) = self.lately.fleet().cloned() else {
            return;
        };
        let timeout = self.time_left();
        // It ends by itself, so that it does not hold up the end of the runtime.
        let left = tokio::task::spawn_blocking(move || running.end(timeout));
        let _ = tokio::time::timeout(timeout, left).await;
    }

    /// Lets another instance evaluate the alerts of all, for good, and says what people were told until now.
    #[cfg(feature = "health")]
    pub(super) async fn hand_over_for_good(&self, timeout: Duration) {
        if self.lately.fleet().is_none() {
            return;
        }
        let vitals = self.clone();
        // The same holds for this.
        let done = tokio::task::spawn_blocking(move || vitals.hand_over(timeout, false));
        let _ = tokio::time::timeout(timeout, done).await;
    }

    /// Lets another instance evaluate the alerts of all, and says what people were told until now. It waits no longer than `timeout`.
    /// This instance evaluates them no more, or not for a while if it goes on.
    pub(super) fn hand_over(&self, timeout: Duration, goes_on: bool) {
        if !self.lately.has_the_lease() || timeout.is_zero() {
            if !goes_on {
                self.lately.give_up_the_lease(goes_on);
            }
            return;
        }
        let (done, handed_over) = mpsc::channel();
        let (alerting, lately) = (self.alerting.clone(), self.lately.clone());
        // Redis can hang for longer than anybody wants to wait.
        let _ = emit::detached(move || {
            alerting.settle();
            lately.give_up_the_lease(goes_on);
            let _ = done.send(());
        });
        let _ = handed_over.recv_timeout(timeout);
    }
}
