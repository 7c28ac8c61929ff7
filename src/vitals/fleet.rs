//! Leaves the fleet at the end of a server.

use super::Vitals;

// === impl Vitals ===

impl Vitals {
    /// Writes to Redis a last time while there is time. The others know then that this instance ended, and have all that it
    /// counted.
    #[cfg(feature = "fleet")]
    pub(super) async fn leave_the_fleet(&self) {
        let Some(running) = self.lately.fleet().cloned() else {
            return;
        };
        let timeout = self.time_left();
        // It ends by itself, so that it does not hold up the end of the runtime.
        let left = tokio::task::spawn_blocking(move || running.end(timeout));
        let _ = tokio::time::timeout(timeout, left).await;
    }

    /// There is none.
    #[cfg(not(feature = "fleet"))]
    #[expect(clippy::unused_async, reason = "with a fleet, it waits")]
    pub(super) async fn leave_the_fleet(&self) {}
}
