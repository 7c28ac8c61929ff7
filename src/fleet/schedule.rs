//! Says when copies of the counts are made, and how long they are kept. It knows no clock.

use std::time::Duration;

use crate::window::varint;

/// The shortest and the longest tick, in milliseconds.
const TICKS: (u64, u64) = (50, 10_000);

/// The levels of copies: the letter in the keys, the length of a slot in ticks, and how many are kept. With ticks of ten
/// seconds, that is a minute for a quarter of an hour, ten minutes for two hours, and an hour for 25 hours, and a little longer.
pub(super) const LEVELS: [Level; 3] = [
    Level {
        letter: "m",
        ticks: 6,
        kept: 17,
    },
    Level {
        letter: "t",
        ticks: 60,
        kept: 14,
    },
    Level {
        letter: "h",
        ticks: 360,
        kept: 26,
    },
];

/// The least time that anything is kept without being written.
const LEAST_KEPT: u64 = 600_000;

/// How many slots of a level can be noted.
const MOST: u64 = 64;

/// Copies that are made equally often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) letter: &'static str,
    ticks: u64,
    kept: u64,
}

/// When an instance writes, and copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// In milliseconds.
    tick: u64,
}

/// Which copies were made: for each level the newest slot, and a bit for each one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Snaps([Taken; LEVELS.len()]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    newest: u64,
    /// The lowest bit is the newest slot. 0 if there is none.
    slots: u64,
}

/// A copy: its level, as an index of [`LEVELS`], and its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Snap {
    pub(super) level: usize,
    pub(super) slot: u64,
}

// === impl Schedule ===

impl Schedule {
    /// A tick is as long as the shortest slot of the window, and at most ten seconds.
    pub(super) fn new(slot: Duration) -> Self {
        let slot = u64::try_from(slot.as_millis()).unwrap_or(u64::MAX);
        Self {
            tick: slot.clamp(TICKS.0, TICKS.1),
        }
    }

    pub(super) const fn tick(self) -> u64 {
        self.tick
    }

    /// How long a slot of a level is, in milliseconds.
    pub(super) fn length(self, level: usize) -> u64 {
        LEVELS.get(level).map_or(1, |level| level.ticks * self.tick)
    }

    /// How long it is until the next tick.
    pub(super) const fn until_next(self, now: u64) -> u64 {
        self.tick - now % self.tick
    }

    /// When the slot of a copy began.
    pub(super) fn begin(self, snap: Snap) -> u64 {
        snap.slot.saturating_mul(self.length(snap.level))
    }

    /// How long a copy is kept, in milliseconds.
    pub(super) fn copy_kept(self, level: usize) -> u64 {
        let kept = LEVELS.get(level).map_or(1, |level| level.kept);
        self.length(level) * kept
    }

    /// How long a start is kept after it wrote last, in milliseconds.
    pub(super) fn kept(self) -> u64 {
        self.copy_kept(LEVELS.len() - 1).max(LEAST_KEPT)
    }

    /// The copies that are due now.
    pub(super) fn due(self, snaps: &Snaps, now: u64) -> Vec<Snap> {
        let levels = (0..LEVELS.len()).map(|level| Snap {
            level,
            slot: now / self.length(level),
        });
        levels.filter(|snap| snaps.lacks(*snap)).collect()
    }
}

// === impl Snaps ===

impl Snaps {
    /// Whether a copy is to be made now: none of this slot or a later one was made. One that is gone is not made again: it would
    /// be later than the copies of shorter slots that follow it. If the clock of Redis went far back, one is made.
    fn lacks(&self, snap: Snap) -> bool {
        let taken = self.0.get(snap.level).copied().unwrap_or_default();
        snap.slot > taken.newest || snap.slot + MOST <= taken.newest
    }

    /// Notes a copy.
    pub(super) fn take(&mut self, snap: Snap) {
        let (Some(taken), Some(level)) = (self.0.get_mut(snap.level), LEVELS.get(snap.level))
        else {
            return;
        };
        match snap.slot.checked_sub(taken.newest) {
            Some(later) if later < MOST => taken.slots <<= later,
            _ => taken.slots = 0,
        }
        taken.newest = snap.slot;
        taken.slots |= 1;
        taken.slots &= (1 << level.kept) - 1;
    }

    /// Forgets a copy.
    pub(super) fn forget(&mut self, snap: Snap) {
        if let Some(taken) = self.0.get_mut(snap.level)
            && let Some(before) = taken.newest.checked_sub(snap.slot)
            && before < MOST
        {
            taken.slots &= !(1 << before);
        }
    }

    /// All copies.
    pub(super) fn iter(&self) -> impl Iterator<Item = Snap> {
        self.0.iter().enumerate().flat_map(|(level, taken)| {
            let before = (0..MOST).filter(|before| taken.slots >> before & 1 == 1);
            before.filter_map(move |before| {
                let slot = taken.newest.checked_sub(before)?;
                Some(Snap { level, slot })
            })
        })
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for taken in self.0 {
            varint::write(&mut bytes, taken.newest);
            varint::write(&mut bytes, taken.slots);
        }
        bytes
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut snaps = Self::default();
        for taken in &mut snaps.0 {
            let (newest, slots) = (varint::read(&mut bytes), varint::read(&mut bytes));
            if let (Some(newest), Some(slots)) = (newest, slots) {
                *taken = Taken { newest, slots };
            }
        }
        snaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Schedule = Schedule { tick: 10_000 };

    #[test]
    fn copies_are_made_each_minute_each_ten_minutes_and_each_hour() {
        let mut snaps = Snaps::default();
        let mut made = [0; 3];
        let begin = 1_700_000_000_000 / 3_600_000 * 3_600_000;
        for tick in 0..360 * 24 {
            let now = begin + tick * 10_000 + 3;
            for snap in DEFAULT.due(&snaps, now) {
                made[snap.level] += 1;
                assert_eq!(DEFAULT.begin(snap), now - 3, "on the edge of its slot");
                snaps.take(snap);
            }
            assert!(DEFAULT.due(&snaps, now).is_empty());
        }
        assert_eq!(made, [60 * 24, 6 * 24, 24]);
        // What is kept reaches back a quarter of an hour, two hours, and 25 hours, from any moment of a slot.
        let kept = [0, 1, 2].map(|level| DEFAULT.copy_kept(level) / 60_000);
        assert_eq!(kept, [17, 140, 26 * 60]);
        let known = snaps.iter().filter(|snap| snap.level == 0).count();
        assert_eq!(known, 17);
        assert_eq!(DEFAULT.kept(), 26 * 3_600_000);
    }

    #[test]
    fn a_tick_is_at_most_ten_seconds_and_the_rest_keeps_its_proportion() {
        let of = |millis| Schedule::new(Duration::from_millis(millis));
        assert_eq!(of(10_000), DEFAULT);
        assert_eq!(of(3_600_000), DEFAULT);
        assert_eq!(of(1).tick(), 50);
        assert_eq!(of(100).length(0), 600);
        assert_eq!(of(100).length(2), 36_000);
        assert_eq!(of(100).copy_kept(2), 26 * 36_000);
        assert_eq!(of(50).kept(), LEAST_KEPT);
        assert_eq!(DEFAULT.until_next(20_000), 10_000);
        assert_eq!(DEFAULT.until_next(29_999), 1);
    }

    #[test]
    fn a_late_copy_leaves_a_hole_and_a_clock_that_went_far_back_begins_anew() {
        let mut snaps = Snaps::default();
        let snap = |slot| Snap { level: 0, slot };
        for slot in [100, 101, 105] {
            snaps.take(snap(slot));
        }
        let known = |snaps: &Snaps| snaps.iter().map(|snap| snap.slot).collect::<Vec<_>>();
        assert_eq!(known(&snaps), [105, 101, 100]);
        assert!(!snaps.lacks(snap(105)) && !snaps.lacks(snap(104)));
        assert!(snaps.lacks(snap(106)) && snaps.lacks(snap(41)));
        snaps.forget(snap(101));
        let mut gone = snaps;
        for slot in [100, 105] {
            gone.forget(snap(slot));
        }
        assert!(known(&gone).is_empty() && !gone.lacks(snap(105)));
        assert_eq!(known(&snaps), [105, 100]);
        snaps.take(snap(122));
        assert_eq!(known(&snaps), [122]);
        snaps.take(snap(7));
        assert_eq!(known(&snaps), [7]);
    }

    #[test]
    fn copies_are_read_as_they_were_noted_and_other_bytes_are_none() {
        for _ in 0..1_000 {
            let mut snaps = Snaps::default();
            for _ in 0..fastrand::usize(0..50) {
                let level = fastrand::usize(0..3);
                let slot = fastrand::u64(0..1_000);
                snaps.take(Snap { level, slot });
            }
            assert_eq!(Snaps::from_bytes(&snaps.to_bytes()), snaps);
            let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
                .take(20)
                .collect();
            let any = Snaps::from_bytes(&bytes);
            assert!(any.iter().count() <= 64 * 3);
        }
        assert_eq!(Snaps::from_bytes(&[]), Snaps::default());
    }
}
