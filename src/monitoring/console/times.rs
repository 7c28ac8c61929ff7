//! Shows moments of the monotonic clock as times of day that stay the same.

use std::time::Duration;

use tokio::time::Instant;

use crate::{statistics::WallTime, timestamp};

/// How far both clocks may come apart before times are told by the present one. With each small difference all that is shown would
/// change.
const APART: Duration = Duration::from_secs(1);

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

    /// The wall clock was set, or the machine slept: what was before is told as it counts now, so that ages stay what they are.
    pub(super) fn follow(&mut self, instant: Instant, wall: Duration) {
        if self.time(instant).since_1970().abs_diff(wall) > APART {
            let passed = instant.saturating_duration_since(self.instant);
            self.wall = wall.saturating_sub(passed);
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn ages_stay_what_they_are_when_the_wall_clock_is_set() {
        let mut origin = Origin::now();
        let (began, wall) = (origin.instant, origin.wall);
        let seconds = Duration::from_secs;
        let (answered, now) = (began + seconds(58), began + seconds(60));
        for (set_to, is_followed) in [
            (wall + seconds(60), false),
            (wall + seconds(60) + APART, false),
            (wall + seconds(60) + HOUR, true),
            (wall + seconds(60), true),
            (wall + seconds(60) - HOUR, true),
        ] {
            let before = origin.wall;
            origin.follow(now, set_to);
            assert_eq!(origin.wall != before, is_followed, "{set_to:?}");
            if is_followed {
                assert_eq!(set_to - origin.time(answered).since_1970(), seconds(2));
                assert_eq!(set_to - origin.began().since_1970(), seconds(60));
            }
            let again = origin.wall;
            origin.follow(now, set_to);
            assert_eq!(origin.wall, again, "what is told stays the same");
        }
    }
}
