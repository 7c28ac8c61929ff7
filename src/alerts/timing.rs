//! Measures the time between evaluations.

use std::time::Duration;

use super::tracked::Tick;
use crate::window::Moment;

/// How far the wall clock runs ahead of the monotonic one before that counts as a gap: the machine was suspended.
const MOST_AHEAD: Duration = Duration::from_secs(30);

/// The moment of the last evaluation.
#[derive(Debug, Default)]
pub(super) struct Timing(Option<Moment>);

// === impl Timing ===

impl Timing {
    /// The next evaluation is now. The first one is after a gap: nobody knows what was before.
    ///
    /// One that is merely late is after no gap, however late it is: what was counted meanwhile is counted. Else a machine that
    /// is slow for long would have no alert.
    pub(super) fn tick(&mut self, now: Moment) -> Tick {
        let at = now.wall;
        let Some(before) = self.0.replace(now) else {
            return Tick {
                at,
                elapsed: Duration::ZERO,
                is_gap: true,
            };
        };
        let ran = now.monotonic.saturating_sub(before.monotonic);
        let shown = now.wall.saturating_sub(before.wall);
        let is_gap = shown.saturating_sub(ran) > MOST_AHEAD;
        Tick {
            at,
            elapsed: if is_gap { shown } else { ran },
            is_gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(monotonic: u64, wall: u64) -> Moment {
        Moment {
            monotonic: Duration::from_secs(monotonic),
            wall: Duration::from_secs(wall),
        }
    }

    fn tick(at: u64, elapsed: u64, is_gap: bool) -> Tick {
        Tick {
            at: Duration::from_secs(at),
            elapsed: Duration::from_secs(elapsed),
            is_gap,
        }
    }

    #[test]
    fn a_suspended_machine_is_a_gap_and_a_late_evaluation_none() {
        let mut timing = Timing::default();
        assert_eq!(timing.tick(moment(5, 1_000)), tick(1_000, 0, true));
        assert_eq!(timing.tick(moment(65, 1_060)), tick(1_060, 60, false));
        assert_eq!(timing.tick(moment(965, 1_960)), tick(1_960, 900, false));
        let eight_hours = 8 * 3_600;
        let woken = 2_020 + eight_hours;
        let passed = 60 + eight_hours;
        assert_eq!(timing.tick(moment(1_025, woken)), tick(woken, passed, true));
        assert_eq!(
            timing.tick(moment(1_085, woken + 60)),
            tick(woken + 60, 60, false)
        );
    }

    #[test]
    fn a_wall_clock_that_is_set_changes_no_length() {
        let mut timing = Timing::default();
        timing.tick(moment(0, 10_000));
        assert_eq!(timing.tick(moment(60, 4_000)), tick(4_000, 60, false));
        assert_eq!(timing.tick(moment(120, 4_089)), tick(4_089, 60, false));
        // It cannot be told from a suspended machine.
        assert_eq!(timing.tick(moment(180, 9_000)), tick(9_000, 4_911, true));
    }
}
