//! Shows moments of the monotonic clock as times of day that stay the same.

use std::time::Duration;

use tokio::time::Instant;

use crate::{statistics::WallTime, timestamp};

/// A moment by both clocks. Others are told by their distance from it, so that the same moment has the same time each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) instant: Instant,
    wall: Duration,
}

// === impl Origin ===

impl Origin {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: timestamp::since_1970(),
        }
    }

    /// The time of day of a moment.
    pub(super) fn time(&self, at: Instant) -> WallTime {
        let wall = match at.checked_duration_since(self.instant) {
            Some(later) => self.wall.saturating_add(later),
            None => self.wall.saturating_sub(self.instant.duration_since(at)),
        };
        WallTime::new(wall)
    }

    /// When this was made.
    pub(super) const fn began(&self) -> WallTime {
        WallTime::new(self.wall)
    }
}
