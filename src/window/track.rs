//! Finds the slots of a window, on three levels of resolution.

use std::sync::Arc;

use super::{
    block::Block,
    difference,
    level::{Level, Piece, Slot},
    moment::Time,
    numbers::Numbered,
};

/// How long a slot of each level is, and how long it is kept, the finest first. Both are in units of the shortest slot.
///
/// A finer level reaches far enough back to begin at an edge of the next one.
pub(super) type Plan = [(u64, u64); 3];

/// Five minutes of 10 s, six hours of a minute, a day of 10 minutes.
pub(super) const COUNTS: Plan = [(1, 30 + 6), (6, 6 * 360 + 60), (60, 60 * 144)];

/// Five minutes of 10 s, an hour of a minute, a day of 30 minutes.
pub(super) const DURATIONS: Plan = [(1, 30 + 6), (6, 6 * 60 + 180), (180, 180 * 48)];

/// The same counts in slots of three lengths, the finest first. A slot is the sum of the finer ones in it.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) levels: [Level; 3],
}

// === impl Track ===

impl Track {
    pub(super) fn new(plan: Plan, slot: u64, now: u64) -> Self {
        Self {
            levels: plan.map(|(length, keep)| Level::new(length * slot, keep * slot, now)),
        }
    }

    /// Closes what is over. Returns a slot of the longest ones that was closed.
    pub(super) fn tick(&mut self, live: &Numbered<'_>, time: Time) -> Option<&Slot> {
        let [finest, coarser @ ..] = &mut self.levels;
        if !finest.is_over(time) {
            return None;
        }
        let ends_longest = coarser.last().is_some_and(|level| level.is_over(time));
        // Once for all levels: each slot of a coarser one ends with one of the finest.
        let over = coarser.iter().filter(|level| level.is_over(time));
        let older: Vec<_> = over.map(|level| &*level.base).collect();
        let steps = difference::steps(&finest.base, &older, live);
        let reading = Arc::new(steps.reading);
        finest.close(steps.added, &reading, time);
        let over = coarser.iter_mut().filter(|level| level.is_over(time));
        for (level, added) in over.zip(steps.older) {
            level.close(added, &reading, time);
        }
        let longest = coarser.last().filter(|_| ends_longest);
        longest.and_then(|level| level.slots.back())
    }

    /// Drops what is too old.
    pub(super) fn expire(&mut self, now: u64) {
        for level in &mut self.levels {
            level.expire(now);
        }
    }

    /// Makes a reading the beginning: only what is added to it counts.
    pub(super) fn begin_with(&mut self, live: &Numbered<'_>) {
        let steps = difference::steps(&Block::default(), &[], live);
        let reading = Arc::new(steps.reading);
        for level in &mut self.levels {
            level.base = Arc::clone(&reading);
        }
    }

    /// Takes slots of an earlier process, as far as they are from before `began` and not too old. Returns the end of the last
    /// one. `numbers` are the numbers that its series have here.
    pub(super) fn restore(
        &mut self,
        slots: Vec<Slot>,
        numbers: &[Option<u32>],
        began: u64,
        time: Time,
    ) -> Option<u64> {
        let [_, _, level] = &mut self.levels;
        let mut until = None;
        for mut slot in slots.into_iter().rev() {
            (slot.begin, slot.end) = (time.placed(slot.begin), time.placed(slot.end));
            if slot.end > began || level.is_old(&slot, time.now) {
                continue;
            }
            until = until.or(Some(slot.end));
            slot.block = slot.block.renumbered(numbers);
            level.restore(slot);
        }
        until
    }

    /// Whether the open slot is in a window.
    pub(super) const fn is_open_in(&self, from: u64, to: u64, time: Time) -> bool {
        from < to && from <= self.finest().since && time.until <= to
    }

    pub(super) const fn finest(&self) -> &Level {
        let [finest, _, _] = &self.levels;
        finest
    }

    pub(super) const fn coarsest(&self) -> &Level {
        let [_, _, coarsest] = &self.levels;
        coarsest
    }

    /// The newest edge that is not after this time, of the finest level that reaches it. In a gap, and before all slots, it is
    /// the time itself.
    pub(super) fn edge(&self, at: u64, time: Time) -> u64 {
        self.level_of(at).edge(at, time)
    }

    /// The nearest edge to this time, of the same level.
    pub(super) fn nearest(&self, at: u64, time: Time) -> u64 {
        self.level_of(at).nearest(at, time)
    }

    /// The finest level that reaches this time.
    fn level_of(&self, at: u64) -> &Level {
        let [finest, middle, coarsest] = &self.levels;
        let reaches = |level: &Level, next: &Level| {
            // From an edge of both on, the slots of both fit together.
            let mut edges = level.edges();
            edges
                .find(|edge| next.has_edge(*edge))
                .is_some_and(|reach| reach <= at)
        };
        if reaches(finest, middle) {
            finest
        } else if reaches(middle, coarsest) {
            middle
        } else {
            coarsest
        }
    }

    /// The slots between two edges in ascending order, as few as possible.
    pub(super) fn pieces(&self, from: u64, to: u64, time: Time, mut visit: impl FnMut(Piece<'_>)) {
        if from >= to {
            return;
        }
        let mut from = from;
        loop {
            let coarsest_first = self.levels.iter().rev();
            let pieces = coarsest_first.filter_map(|level| level.next(from, to, time));
            // Of those that begin together it is the first.
            let Some(piece) = pieces.min_by_key(Piece::begin) else {
                return;
            };
            visit(piece);
            match piece {
                Piece::Closed(slot) => from = slot.end,
                Piece::Open(_) => return,
            }
        }
    }

    /// The memory that it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.levels.iter().map(Level::memory).sum()
    }
}
