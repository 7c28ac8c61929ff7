//! Stands in for leaving a fleet without feature `fleet`: there is none.

use std::time::Duration;

use super::Vitals;

// === impl Vitals ===

impl Vitals {
    #[cfg(feature = "health")]
    #[expect(clippy::unused_async, reason = "with a fleet, it waits")]
    pub(super) async fn leave_the_fleet(&self) {}

    #[cfg(feature = "health")]
    #[expect(clippy::unused_async, reason = "with a fleet, it waits")]
    pub(super) async fn hand_over_for_good(&self, _: Duration) {}

    pub(super) const fn hand_over(&self, _: Duration, _: bool) {}
}
