//! Sums what was counted in a window.

use std::{collections::HashMap, time::Duration};

use super::{
    block::Entry,
    difference,
    level::Piece,
    moment::Time,
    numbers::{self, Numbered, Numbers},
    track::Track,
};
use crate::metrics::readings::Key;

/// Which stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// The time until now.
    Last(Duration),
    /// The time between two wall times. Each is moved to the beginning of its slot.
    Between(Duration, Duration),
    /// The time between two wall times at which slots should end. Each is moved to the nearest edge of a slot: ticks can be late.
    Step(Duration, Duration),
}

/// What was counted in a window. All times are wall times since 1970, as the wall clock counts now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// What changed.
    pub(crate) counts: HashMap<Key, Vec<u64>>,
    /// The durations, by the buckets of the grid. `None` if they were given up for memory.
    pub(crate) durations: HashMap<Key, Option<Vec<u64>>>,
    /// For each key of `counts`, the end of the newest slot in which it changed.
    pub(crate) last: HashMap<Key, Duration>,
    /// Where the window begins: at the edge of a slot, never later than asked.
    pub(crate) begin: Duration,
    pub(crate) end: Duration,
    /// Where the window of the durations begins. Their older slots are longer.
    pub(crate) durations_begin: Duration,
    pub(crate) durations_end: Duration,
    /// How much of the window was observed: without gaps, and without the time before the start.
    pub(crate) covered: Duration,
    /// How much of that an earlier process observed.
    pub(crate) restored: Duration,
}

/// Adds up slots by series.
#[derive(Debug)]
pub(super) struct Adding<'a> {
    numbers: &'a Numbers,
    buckets: usize,
    /// Which series are wanted, by number.
    wanted: Vec<bool>,
    pub(super) sums: Vec<Option<Sum>>,
    /// In milliseconds.
    pub(super) covered: u64,
    pub(super) restored: u64,
}

/// The counts of one series.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) counts: Vec<u64>,
    /// When it changed last.
    pub(super) last: u64,
    pub(super) given_up: bool,
}

// === impl Adding ===

impl<'a> Adding<'a> {
    pub(super) fn new(numbers: &'a Numbers, buckets: usize, wanted: impl Fn(&Key) -> bool) -> Self {
        let known = numbers.all().iter();
        let wanted: Vec<_> = known.map(|known| wanted(&known.key)).collect();
        Self {
            numbers,
            buckets,
            sums: wanted.iter().map(|_| None).collect(),
            wanted,
            covered: 0,
            restored: 0,
        }
    }

    /// Adds the slots of a track between two edges.
    pub(super) fn track(
        &mut self,
        track: &Track,
        (from, to): (u64, u64),
        live: &Numbered<'_>,
        time: Time,
    ) {
        track.pieces(from, to, time, |piece| self.piece(piece, live, time));
    }

    /// Adds one slot.
    pub(super) fn piece(&mut self, piece: Piece<'_>, live: &Numbered<'_>, time: Time) {
        match piece {
            Piece::Closed(slot) => {
                self.covered += slot.covered;
                if slot.restored {
                    self.restored += slot.covered;
                }
                for entry in slot.block.entries() {
                    self.entry(entry, slot.begin, slot.end);
                }
            }
            Piece::Open(level) => {
                self.covered += time.until.saturating_sub(level.since);
                difference::compare(&level.base, live, |rows| {
                    if rows.was != rows.is
                        && let Some(sum) = self.sum(rows.series)
                    {
                        // What changed since the last tick changed now.
                        sum.add(rows.added().enumerate(), time.until);
                    }
                });
            }
        }
    }

    fn entry(&mut self, entry: Entry<'_>, begin: u64, end: u64) {
        // The finest slots tell better when it was than a coarse one.
        let changed = self.numbers.get(entry.series).map(|known| known.changed);
        let changed = changed.filter(|changed| begin < *changed && *changed <= end);
        let last = changed.unwrap_or(end);
        let Some(sum) = self.sum(entry.series) else {
            return;
        };
        if entry.is_given_up() {
            sum.given_up = true;
        } else {
            sum.add(entry.pairs(), last);
        }
    }

    fn sum(&mut self, series: u32) -> Option<&mut Sum> {
        let at = series as usize;
        if !*self.wanted.get(at)? {
            return None;
        }
        let key = &self.numbers.get(series)?.key;
        let sum = self.sums.get_mut(at)?;
        Some(sum.get_or_insert_with(|| Sum {
            counts: vec![0; numbers::length(key, self.buckets)],
            last: 0,
            given_up: false,
        }))
    }
}

// === impl Sum ===

impl Sum {
    /// Adds counts of a slot in which they changed last at this time.
    fn add(&mut self, counts: impl Iterator<Item = (usize, u64)>, last: u64) {
        self.last = self.last.max(last);
        for (index, count) in counts {
            if let Some(sum) = self.counts.get_mut(index) {
                *sum = sum.wrapping_add(count);
            }
        }
    }
}

/// Puts sums together with their keys.
pub(super) fn keyed(
    numbers: &Numbers,
    sums: Vec<Option<Sum>>,
) -> impl Iterator<Item = (&Key, Sum)> {
    let all = numbers.all().iter().zip(sums);
    all.filter_map(|(known, sum)| Some((&known.key, sum?)))
}
