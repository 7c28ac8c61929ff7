//! Places moments on one axis of time, though clocks stand still and jump.

use std::time::Duration;

/// How many milliseconds the wall clock runs ahead of the monotonic one before that counts as a gap.
const MOST_AHEAD: u64 = 30_000;

/// The latest time on the axis. So sums of two times are in range.
pub(super) const LATEST: u64 = 1 << 53;

/// A reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since any origin. It stands still while the machine is suspended.
    pub(crate) monotonic: Duration,
    /// Since 1970. It can jump.
    pub(crate) wall: Duration,
}

/// The axis of time, in milliseconds. It begins at the wall time of the start, and runs with the monotonic clock. Where the
/// wall clock runs ahead of that, the machine was suspended, and the axis jumps. It never goes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The time on the axis at the origin, with all jumps since then.
    begin: u64,
    origin: Duration,
    last: Moment,
}

/// A moment on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Until when the process ran. It is before `now` if there was a gap since the last tick.
    pub(super) until: u64,
    pub(super) now: u64,
    /// What the wall clock shows, in milliseconds since 1970.
    wall: u64,
}

// === impl Axis ===

impl Axis {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            begin: millis(now.wall),
            origin: now.monotonic,
            last: now,
        }
    }

    /// The place of a moment. One before the last tick is taken for the last tick.
    pub(super) fn at(&self, now: Moment) -> Time {
        let monotonic = now.monotonic.max(self.last.monotonic);
        let ran = monotonic.saturating_sub(self.last.monotonic);
        let shown = now.wall.saturating_sub(self.last.wall);
        let ahead = millis(shown.saturating_sub(ran));
        let since = millis(monotonic.saturating_sub(self.origin));
        let until = self.begin.saturating_add(since).min(LATEST);
        Time {
            until,
            now: match ahead > MOST_AHEAD {
                true => until.saturating_add(ahead).min(LATEST),
                false => until,
            },
            wall: millis(now.wall),
        }
    }

    /// Makes this moment the last tick.
    pub(super) fn advance(&mut self, now: Moment) -> Time {
        let time = self.at(now);
        self.begin = self.begin.saturating_add(time.now - time.until).min(LATEST);
        self.last = Moment {
            monotonic: now.monotonic.max(self.last.monotonic),
            wall: now.wall,
        };
        time
    }
}

// === impl Time ===

impl Time {
    /// Whether the process did not run since `until`.
    pub(super) const fn is_gap(self) -> bool {
        self.now > self.until
    }

    /// A time on the axis, as the wall clock counts now.
    pub(super) fn wall_of(self, at: u64) -> Duration {
        Duration::from_millis(self.shown(at))
    }

    /// The same in milliseconds.
    pub(super) const fn shown(self, at: u64) -> u64 {
        moved(at, self.now, self.wall)
    }

    /// The place of a wall time on the axis, as the wall clock counts now.
    pub(super) fn place_of(self, wall: Duration) -> u64 {
        self.placed(millis(wall))
    }

    /// The same of milliseconds.
    pub(super) const fn placed(self, wall: u64) -> u64 {
        moved(wall, self.wall, self.now)
    }
}

/// What is to `there` as `at` is to `here`.
const fn moved(at: u64, here: u64, there: u64) -> u64 {
    match at.checked_sub(here) {
        Some(after) => there.saturating_add(after),
        None => there.saturating_sub(here - at),
    }
}

/// Milliseconds, at most [`LATEST`].
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).map_or(LATEST, |millis| millis.min(LATEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000;

    fn moment(monotonic: u64, wall: u64) -> Moment {
        Moment {
            monotonic: Duration::from_secs(monotonic),
            wall: Duration::from_secs(wall),
        }
    }

    #[test]
    fn a_suspended_machine_leaves_a_gap_and_a_small_step_of_the_clock_none() {
        let mut axis = Axis::new(moment(5, START));
        let time = axis.advance(moment(15, START + 40));
        assert!(!time.is_gap());
        assert_eq!(time.now, (START + 10) * 1000);
        let time = axis.advance(moment(25, START + 40 + 10 + 31));
        assert_eq!(
            (time.until, time.now),
            ((START + 20) * 1000, (START + 51) * 1000)
        );
        // The jump stays.
        let time = axis.advance(moment(26, START + 82));
        assert_eq!((time.until, time.now), ((START + 52) * 1000, time.until));
    }

    #[test]
    fn the_axis_never_goes_back() {
        for _ in 0..200 {
            let mut axis = Axis::new(moment(fastrand::u64(0..100), START));
            let mut last = 0;
            for _ in 0..50 {
                // Anything once in a while, and that is the end of all times.
                let wall = match fastrand::u32(0..100) {
                    0 => fastrand::u64(..),
                    _ => START + fastrand::u64(0..1_000_000),
                };
                let at = moment(fastrand::u64(0..100_000), wall);
                let seen = axis.at(at);
                let time = axis.advance(at);
                assert_eq!(seen, time);
                assert!(time.until >= last && time.now >= time.until, "{time:?}");
                last = time.now;
            }
        }
    }

    #[test]
    fn times_are_told_as_the_wall_clock_counts_now() {
        let mut axis = Axis::new(moment(0, START));
        // Set back by an hour.
        let time = axis.advance(moment(10, START + 10 - 3600));
        assert_eq!(time.now, (START + 10) * 1000);
        let begun = Duration::from_secs(START - 3600);
        assert_eq!(time.wall_of(START * 1000), begun);
        assert_eq!(time.place_of(begun), START * 1000);
        assert_eq!(time.place_of(Duration::MAX), time.now + LATEST - time.wall);
        assert_eq!(time.place_of(Duration::ZERO), 3600 * 1000);
    }
}
