//! Chooses the reading of a start for the edge of a window. It knows no socket and no clock.
//!
//! A window is two readings of each start. The choice depends only on the time of the edge, and is the same at the time of the
//! reading that was chosen: so windows that follow each other share their readings, and add up.

use std::collections::HashSet;

use super::schedule::{Schedule, Snap, Snaps};

/// Which reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Edge {
    /// Nothing was counted yet.
    Begin,
    /// A copy.
    Copy(Snap),
    /// The last one.
    Now,
}

/// From what the edges of a start are chosen. All times are milliseconds by the clock of Redis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges<'a> {
    pub(super) schedule: Schedule,
    pub(super) began: u64,
    /// When it wrote first.
    pub(super) first: u64,
    /// When it wrote last.
    pub(super) last: u64,
    pub(super) snaps: &'a Snaps,
    /// Copies that are not there any more.
    pub(super) gone: Option<&'a HashSet<Snap>>,
}

// === impl Edges ===

impl Edges<'_> {
    /// The newest reading that is not after a time. If there is none, the oldest one after it.
    pub(super) fn at(&self, time: u64) -> Edge {
        if time <= self.began || (time < self.first && self.wrote_at_once()) {
            return Edge::Begin;
        }
        if time >= self.last {
            return Edge::Now;
        }
        let copies = self.copies();
        let before = copies.filter(|(_, at)| *at <= time);
        if let Some((snap, _)) = before.max_by_key(|(_, at)| *at) {
            return Edge::Copy(snap);
        }
        let oldest = self.copies().min_by_key(|(_, at)| *at);
        oldest.map_or(Edge::Now, |(snap, _)| Edge::Copy(snap))
    }

    /// The time that a reading stands for, which `at` has chosen for `time`. Where it is younger than that, it is chosen from the
    /// beginning on.
    pub(super) fn stands_for(&self, edge: Edge, time: u64) -> u64 {
        let placed = self.time_of(edge);
        match self.wrote_at_once() {
            _ if placed <= time || edge == Edge::Begin => placed,
            true => self.earliest().max(self.first),
            false => self.earliest(),
        }
    }

    /// The time of a reading.
    fn time_of(&self, edge: Edge) -> u64 {
        match edge {
            Edge::Begin => self.began,
            Edge::Copy(snap) => self.placed(snap),
            Edge::Now => self.last.max(self.earliest()),
        }
    }

    /// The copies that can be there, with their time.
    pub(super) fn copies(&self) -> impl Iterator<Item = (Snap, u64)> {
        let copies = self.snaps.iter();
        let there = copies.filter(|snap| !self.gone.is_some_and(|gone| gone.contains(snap)));
        there.map(|snap| (snap, self.placed(snap)))
    }

    /// A copy stands for the beginning of its slot, if the start wrote by then.
    fn placed(&self, snap: Snap) -> u64 {
        let begin = self.schedule.begin(snap).max(self.first);
        begin.min(self.last).max(self.earliest())
    }

    /// The earliest time of a reading. Until then there is nothing to read.
    const fn earliest(&self) -> u64 {
        self.began.saturating_add(1)
    }

    /// Whether nothing of note was counted before the first write.
    fn wrote_at_once(&self) -> bool {
        self.first.saturating_sub(self.began) <= self.schedule.length(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn schedule() -> Schedule {
        Schedule::new(Duration::from_secs(10))
    }

    fn snaps(minutes: impl IntoIterator<Item = u64>) -> Snaps {
        let mut snaps = Snaps::default();
        for slot in minutes {
            snaps.take(Snap { level: 0, slot });
        }
        snaps
    }

    const fn minute(slot: u64) -> Edge {
        Edge::Copy(Snap { level: 0, slot })
    }

    fn known<'a>(snaps: &'a Snaps, gone: Option<&'a HashSet<Snap>>) -> Edges<'a> {
        Edges {
            schedule: schedule(),
            began: 100 * MINUTE + 5_000,
            first: 100 * MINUTE + 10_000,
            last: 110 * MINUTE + 20_000,
            snaps,
            gone,
        }
    }

    #[test]
    fn an_edge_is_the_newest_reading_that_is_not_later() {
        let snaps = snaps(100..=110);
        let known = known(&snaps, None);
        let at = |minutes: u64, seconds: u64| known.at(minutes * MINUTE + seconds * 1_000);
        assert_eq!(at(90, 0), Edge::Begin);
        assert_eq!(at(100, 5), Edge::Begin);
        // It was counting already, and wrote five seconds later.
        assert_eq!(at(100, 9), Edge::Begin);
        assert_eq!(at(100, 10), minute(100));
        assert_eq!(at(100, 59), minute(100));
        assert_eq!(at(101, 0), minute(101));
        assert_eq!(at(110, 19), minute(110));
        assert_eq!(at(110, 20), Edge::Now);
        assert_eq!(at(200, 0), Edge::Now);
    }

    #[test]
    fn where_a_copy_is_gone_the_next_older_one_stands_for_it_and_else_the_next_younger_one() {
        let snaps = snaps(100..=110);
        let gone: HashSet<_> = [104, 105].map(|slot| Snap { level: 0, slot }).into();
        let some = known(&snaps, Some(&gone));
        assert_eq!(some.at(105 * MINUTE + 1), minute(103));
        assert_eq!(some.at(106 * MINUTE), minute(106));
        let gone: HashSet<_> = (100..108).map(|slot| Snap { level: 0, slot }).collect();
        let few = known(&snaps, Some(&gone));
        assert_eq!(few.at(105 * MINUTE), minute(108));
        let gone: HashSet<_> = snaps.iter().collect();
        assert_eq!(known(&snaps, Some(&gone)).at(105 * MINUTE), Edge::Now);
    }

    #[test]
    fn a_start_that_counted_for_long_before_it_wrote_does_not_count_from_0() {
        let snaps = snaps(100..=110);
        let late = Edges {
            began: 10 * MINUTE,
            ..known(&snaps, None)
        };
        assert_eq!(late.at(10 * MINUTE), Edge::Begin);
        assert_eq!(late.at(50 * MINUTE), minute(100));
    }

    #[test]
    fn the_same_reading_is_chosen_at_the_time_of_a_reading() {
        for _ in 0..2_000 {
            let mut snaps = Snaps::default();
            let began = fastrand::u64(0..3_600_000);
            let first = began + fastrand::u64(0..200_000) * fastrand::u64(0..2);
            let last = first + fastrand::u64(0..7_200_000) * fastrand::u64(0..2);
            let mut at = first;
            while at < last {
                for snap in schedule().due(&snaps, at) {
                    snaps.take(snap);
                }
                at += fastrand::u64(1..200_000);
            }
            let all: Vec<_> = snaps.iter().collect();
            let gone = all
                .into_iter()
                .filter(|_| fastrand::u32(0..3) == 0)
                .collect();
            let known = Edges {
                schedule: schedule(),
                began,
                first,
                last,
                snaps: &snaps,
                gone: Some(&gone),
            };
            let time = fastrand::u64(0..last + 100_000);
            let edge = known.at(time);
            // From the time that it stands for, and up to the time that was asked for, it is the same one.
            let from = known.stands_for(edge, time);
            if edge != Edge::Begin || from <= time {
                assert!(from <= time);
                let between = fastrand::u64(from..=time);
                assert_eq!(known.at(between), edge, "{known:?} {time} {between}");
            }
        }
    }
}
