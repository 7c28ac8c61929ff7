//! Measures the time between evaluations, and notices a wall clock that is set back.

use std::time::Duration;

use super::tracked::Tick;
use crate::window::Moment;

/// How far the wall clock runs ahead of the monotonic one before that counts as a gap: the machine was suspended.
const MOST_AHEAD: Duration = Duration::from_secs(30);

/// The shortest step back of the wall clock that is noticed.
const STEP: Duration = Duration::from_secs(1);

/// The moment of the last evaluation.
#[derive(Debug, Default)]
pub(super) struct Timing(Option<Moment>);

/// The moment at which the clocks were read last.
#[derive(Debug)]
pub(super) struct LastRead(Moment);

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

// === impl LastRead ===

impl LastRead {
    pub(super) const fn new(now: Moment) -> Self {
        Self(now)
    }

    /// By how much the wall clock was set back since it was read last.
    pub(super) fn set_back(&mut self, now: Moment) -> Duration {
        let before = std::mem::replace(&mut self.0, now);
        let ran = now.monotonic.saturating_sub(before.monotonic);
        let back = (before.wall + ran).saturating_sub(now.wall);
        if back < STEP { Duration::ZERO } else { back }
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
    fn only_a_step_back_is_one() {
        let mut last = LastRead::new(moment(0, 10_000));
        let mut back = |monotonic, wall| last.set_back(moment(monotonic, wall)).as_secs();
        assert_eq!(back(60, 10_060), 0);
        assert_eq!(back(120, 6_520), 3_600);
        assert_eq!(back(180, 6_580), 0);
        // A machine was suspended, or the clock was put right again.
        assert_eq!(back(240, 20_000), 0);
        // Clocks run a little apart.
        let mut apart = moment(300, 20_060);
        apart.wall -= Duration::from_millis(999);
        assert_eq!(last.set_back(apart), Duration::ZERO);
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
