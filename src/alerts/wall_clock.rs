//! Notices that the wall clock was set.

use std::time::Duration;

use crate::window::Moment;

/// The shortest step of the wall clock that is noticed.
const STEP: Duration = Duration::from_secs(1);

/// The clocks as they were read last, and what the wall clock did.
#[derive(Debug)]
pub(super) struct LastRead {
    last: Moment,
    /// How far times were set back and not forward again.
    set_back: Duration,
    /// How far the wall clock ran ahead of that: a machine was suspended, or it was set and can be set back.
    ahead: Duration,
}

/// By how much times are moved, since the wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Back(Duration),
    Ahead(Duration),
}

// === impl LastRead ===

impl LastRead {
    pub(super) const fn new(now: Moment) -> Self {
        Self {
            last: now,
            set_back: Duration::ZERO,
            ahead: Duration::ZERO,
        }
    }

    /// How times are moved for how the wall clock was set since it was read last. One that is put right again leaves them as they were.
    pub(super) fn step(&mut self, now: Moment) -> Option<Step> {
        let before = std::mem::replace(&mut self.last, now);
        let expected = before.wall + now.monotonic.saturating_sub(before.monotonic);
        let back = expected.saturating_sub(now.wall);
        let ahead = now.wall.saturating_sub(expected);
        if back >= STEP {
            let returns = back.min(self.ahead);
            self.ahead -= returns;
            self.set_back += back - returns;
            return Some(back - returns)
                .filter(|by| !by.is_zero())
                .map(Step::Back);
        }
        if ahead >= STEP {
            let returns = ahead.min(self.set_back);
            self.set_back -= returns;
            self.ahead += ahead - returns;
            return Some(returns).filter(|by| !by.is_zero()).map(Step::Ahead);
        }
        None
    }
}

// === impl Step ===

impl Step {
    /// Moves times.
    pub(super) fn apply<'t>(self, times: impl IntoIterator<Item = &'t mut Duration>) {
        for time in times {
            *time = match self {
                Self::Back(by) => time.saturating_sub(by),
                Self::Ahead(by) => time.saturating_add(by),
            };
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

    #[test]
    fn a_wall_clock_that_is_put_right_again_leaves_times_as_they_were() {
        let (back, ahead) = (
            |seconds| Some(Step::Back(Duration::from_secs(seconds))),
            |seconds| Some(Step::Ahead(Duration::from_secs(seconds))),
        );
        let mut last = LastRead::new(moment(0, 10_000));
        let mut step = |monotonic, wall| last.step(moment(monotonic, wall));
        assert_eq!(step(60, 10_060), None);
        assert_eq!(step(120, 6_520), back(3_600));
        assert_eq!(step(180, 6_580), None);
        // Put right, and suspended for a while, too.
        assert_eq!(step(240, 10_340), ahead(3_600));
        // What it ran ahead, it comes back without a step.
        assert_eq!(step(300, 10_300), None);
        assert_eq!(step(360, 10_300), back(60));
        assert_eq!(step(420, 10_420), ahead(60));
        // Clocks run a little apart.
        let mut apart = moment(480, 10_480);
        apart.wall -= Duration::from_millis(999);
        assert_eq!(last.step(apart), None);
    }
}
