//! Knows what the clock of Redis shows, between its answers.

use std::time::Duration;

use crate::window::Moment;

/// How far both clocks of this machine can be apart before it was suspended, or its wall clock was set.
const MOST_APART: Duration = Duration::from_secs(1);

/// The clock of Redis, as its last answer said and the monotonic clock of this machine goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RedisClock {
    /// The time in milliseconds since 1970, and when it was that.
    answer: Option<(u64, Moment)>,
}

// === impl RedisClock ===

impl RedisClock {
    /// Takes an answer to a question that was asked and answered then. It was given some time between both.
    pub(super) fn set(&mut self, time: u64, asked: Moment, answered: Moment) {
        let took = answered.monotonic.saturating_sub(asked.monotonic);
        let at = Moment {
            monotonic: answered.monotonic.saturating_sub(took / 2),
            wall: answered.wall.saturating_sub(took / 2),
        };
        self.answer = Some((time, at));
    }

    /// The time in milliseconds since 1970. Before the first answer it is that of this machine.
    pub(super) fn at(&self, now: Moment) -> u64 {
        match self.answer {
            Some((time, at)) => {
                time.saturating_add(millis(now.monotonic.saturating_sub(at.monotonic)))
            }
            None => millis(now.wall),
        }
    }

    /// Whether the answer is not old, and this machine was not suspended since then.
    pub(super) fn is_certain(&self, now: Moment, old: Duration) -> bool {
        let Some((_, at)) = self.answer else {
            return false;
        };
        let ran = now.monotonic.saturating_sub(at.monotonic);
        let shown = now.wall.saturating_sub(at.wall);
        ran <= old && now.wall >= at.wall && shown.abs_diff(ran) <= MOST_APART
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(monotonic: u64, wall: u64) -> Moment {
        Moment {
            monotonic: Duration::from_millis(monotonic),
            wall: Duration::from_millis(wall),
        }
    }

    #[test]
    fn the_clock_of_redis_goes_on_with_the_monotonic_clock() {
        let mut clock = RedisClock::default();
        assert_eq!(clock.at(moment(5, 7_000)), 7_000);
        // This machine is an hour off, and the answer took 100 ms.
        clock.set(3_600_000, moment(1_000, 7_000), moment(1_100, 7_100));
        assert_eq!(clock.at(moment(1_050, 7_050)), 3_600_000);
        assert_eq!(clock.at(moment(2_050, 0)), 3_601_000);
    }

    #[test]
    fn the_clock_of_redis_is_asked_again_after_a_pause_a_suspension_and_a_step_of_the_wall_clock() {
        let old = Duration::from_secs(30);
        let mut clock = RedisClock::default();
        assert!(!clock.is_certain(moment(0, 0), old));
        clock.set(0, moment(1_000, 50_000), moment(1_000, 50_000));
        assert!(clock.is_certain(moment(31_000, 80_000), old));
        assert!(!clock.is_certain(moment(31_001, 80_001), old));
        assert!(!clock.is_certain(moment(2_000, 52_001), old));
        assert!(!clock.is_certain(moment(2_000, 49_000), old));
    }
}
