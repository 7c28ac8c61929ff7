//! Tells the time of a fleet between two answers, by the monotonic clock.

use std::time::Duration;

use super::wall_clock::Step;
use crate::window::Moment;

/// The shortest step that is noticed.
const STEP: Duration = Duration::from_secs(1);

/// The time of a fleet. Before the first answer it is that of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FleetTime {
    /// The monotonic clock at the last answer, and the time of the fleet then.
    last: Option<(Duration, Duration)>,
}

// === impl FleetTime ===

impl FleetTime {
    /// The time since 1970 at a moment.
    pub(super) fn at(&self, now: Moment) -> Duration {
        match self.last {
            Some((then, time)) => time + now.monotonic.saturating_sub(then),
            None => now.wall,
        }
    }

    /// Whether there was an answer.
    pub(super) const fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// How long ago the last answer was. `None` if there was none.
    pub(super) fn ago(&self, now: Moment) -> Option<Duration> {
        let (then, _) = self.last?;
        Some(now.monotonic.saturating_sub(then))
    }

    /// Takes the time of an answer. Says by how much times that were told before are moved: from the clock of this machine to
    /// that of the fleet, and where the time of the fleet went back.
    pub(super) fn answered(&mut self, now: Moment, time: Duration) -> Option<Step> {
        let expected = self.at(now);
        let is_first = self.last.replace((now.monotonic, time)).is_none();
        let (ahead, back) = (time.saturating_sub(expected), expected.saturating_sub(time));
        if back >= STEP {
            return Some(Step::Back(back));
        }
        (is_first && ahead >= STEP).then_some(Step::Ahead(ahead))
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

    #[test]
    fn the_time_of_a_fleet_is_that_of_the_last_answer_and_what_has_passed_since() {
        let seconds = Duration::from_secs;
        let mut time = FleetTime::default();
        assert_eq!(time.at(moment(5, 9_000)), seconds(9_000));
        assert_eq!(time.ago(moment(5, 9_000)), None);
        // This machine is an hour behind.
        let moved = time.answered(moment(10, 9_005), seconds(12_605));
        assert_eq!(moved, Some(Step::Ahead(seconds(3_600))));
        assert_eq!(time.at(moment(40, 1)), seconds(12_635));
        assert_eq!(time.ago(moment(40, 1)), Some(seconds(30)));
        // The machine was suspended, and its clocks stood still.
        assert_eq!(time.answered(moment(50, 1), seconds(20_000)), None);
        // Another server answers, whose clock is behind.
        let moved = time.answered(moment(60, 1), seconds(19_000));
        assert_eq!(moved, Some(Step::Back(seconds(1_010))));
    }
}
