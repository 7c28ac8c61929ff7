//! Keeps slots of one length.

use std::{collections::VecDeque, sync::Arc};

use super::{block::Block, moment::Time};

/// The slots of one length, and the open one. All times are milliseconds on the axis.
///
/// A slot begins and ends where a tick was: at the multiples of its length, or later where the tick was late. Between two
/// slots there is nothing, or a gap.
#[derive(Debug)]
pub(super) struct Level {
    /// The length of a slot, if no tick is late.
    pub(super) length: u64,
    /// How long a slot is kept after its end.
    keep: u64,
    /// Oldest first.
    pub(super) slots: VecDeque<Slot>,
    /// The beginning of the open slot.
    pub(super) since: u64,
    /// The cumulative counts at that time. Levels whose slots opened together share them.
    pub(super) base: Arc<Block>,
}

/// What was counted in a stretch of time.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How much of it was observed.
    pub(super) covered: u64,
    /// Whether it is of an earlier process.
    pub(super) restored: bool,
    /// How many quarters of the series have given up their counts, the least used ones first.
    pub(super) quarters: usize,
    pub(super) block: Block,
}

/// A slot of a level, closed or open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Closed(&'a Slot),
    Open(&'a Level),
}

// === impl Level ===

impl Level {
    pub(super) fn new(length: u64, keep: u64, now: u64) -> Self {
        Self {
            length,
            keep,
            slots: VecDeque::new(),
            since: now,
            base: Arc::default(),
        }
    }

    /// Closes the open slot, in which `added` was counted, and opens the next one at this reading.
    pub(super) fn close(&mut self, added: Block, reading: &Arc<Block>, time: Time) {
        // No slot has a length of 0, not even before a gap.
        let end = time.until.max(self.since + 1);
        self.slots.push_back(Slot {
            begin: self.since,
            end,
            covered: end - self.since,
            restored: false,
            quarters: 0,
            block: added,
        });
        self.base = Arc::clone(reading);
        self.since = time.now;
    }

    /// Drops what is too old.
    pub(super) fn expire(&mut self, now: u64) {
        while self
            .slots
            .front()
            .is_some_and(|slot| self.is_old(slot, now))
        {
            self.slots.pop_front();
        }
    }

    /// Whether the open slot is over.
    pub(super) const fn is_over(&self, time: Time) -> bool {
        time.is_gap() || time.until / self.length > self.since / self.length
    }

    /// Takes a slot of an earlier process, which ended before this one began. Slots come newest first.
    pub(super) fn restore(&mut self, slot: Slot) {
        self.slots.push_front(slot);
    }

    /// Whether a slot has been kept long enough.
    pub(super) const fn is_old(&self, slot: &Slot, now: u64) -> bool {
        slot.end.saturating_add(self.keep) <= now
    }

    /// The beginning of the slot in which a time lies. In a gap it is the time itself.
    pub(super) fn edge(&self, at: u64, time: Time) -> u64 {
        if at >= self.since {
            let in_gap = time.is_gap() && at >= time.until;
            return if in_gap { at } else { self.since };
        }
        self.slot_of(at).map_or(at, |slot| slot.begin)
    }

    /// The edge of a slot that is nearest to a time. The open slot has no end yet. For a time in its later half, the end is now.
    pub(super) fn nearest(&self, at: u64, time: Time) -> u64 {
        match self.slot_of(at) {
            Some(slot) if slot.end - at < at - slot.begin => slot.end,
            None if !time.is_gap() && at > self.since + self.length / 2 => time.now,
            _ => self.edge(at, time),
        }
    }

    /// The closed slot in which a time lies.
    fn slot_of(&self, at: u64) -> Option<&Slot> {
        let after = self.slots.partition_point(|slot| slot.begin <= at);
        let slot = after.checked_sub(1).and_then(|index| self.slots.get(index));
        slot.filter(|slot| at < slot.end)
    }

    /// The beginnings of all slots.
    pub(super) fn edges(&self) -> impl Iterator<Item = u64> {
        let closed = self.slots.iter().map(|slot| slot.begin);
        closed.chain([self.since])
    }

    /// Whether a slot begins there.
    pub(super) fn has_edge(&self, at: u64) -> bool {
        let found = self.slots.binary_search_by_key(&at, |slot| slot.begin);
        at == self.since || found.is_ok()
    }

    /// The first slot that does not begin before `from`, if it does not end after `to`.
    pub(super) fn next(&self, from: u64, to: u64, time: Time) -> Option<Piece<'_>> {
        let index = self.slots.partition_point(|slot| slot.begin < from);
        match self.slots.get(index) {
            Some(slot) => (slot.end <= to).then_some(Piece::Closed(slot)),
            None => (self.since >= from && time.until <= to).then_some(Piece::Open(self)),
        }
    }

    /// The memory that it takes, in bytes. A shared reading counts for each level that has it.
    pub(super) fn memory(&self) -> usize {
        let blocks = self.slots.iter().map(|slot| slot.block.memory());
        blocks.sum::<usize>() + self.slots.capacity() * size_of::<Slot>() + self.base.memory()
    }
}

// === impl Piece ===

impl Piece<'_> {
    pub(super) const fn begin(&self) -> u64 {
        match self {
            Self::Closed(slot) => slot.begin,
            Self::Open(level) => level.since,
        }
    }
}
