//! Adds up what starts counted between two readings of each. It knows no socket and no clock.

use std::{collections::HashMap, time::Duration};

use super::form::{Kind, Reading};
use crate::{
    metrics::readings::Key,
    window::{Known, Sums, counts_of},
};

/// What was counted between two readings of each start.
#[derive(Debug)]
pub(super) struct Added<'a> {
    /// The edges that were asked for, in milliseconds since 1970, as all times here.
    edges: [u64; 2],
    /// The keys by number.
    known: &'a [Known],
    buckets: usize,
    wanted: Vec<bool>,
    /// What changed, and when it did so last.
    sums: HashMap<u32, (Vec<u64>, u64)>,
    /// The newest readings that are not after the edges.
    placed: [Option<u64>; 2],
    /// The times between two readings.
    observed: Vec<(u64, u64)>,
}

// === impl Added ===

impl<'a> Added<'a> {
    pub(super) fn new(
        (from, to): (u64, u64),
        known: &'a [Known],
        buckets: usize,
        wanted: &dyn Fn(&Key) -> bool,
    ) -> Self {
        Self {
            edges: [from, to],
            known,
            buckets,
            wanted: known.iter().map(|known| wanted(&known.key)).collect(),
            sums: HashMap::new(),
            placed: [None; 2],
            observed: Vec::new(),
        }
    }

    /// Notes a reading of a start that counted nothing since then.
    pub(super) fn note(&mut self, at: u64) {
        self.place([at; 2]);
    }

    /// Notes of when the readings at both edges are.
    fn place(&mut self, readings: [u64; 2]) {
        for ((edge, at), newest) in self.edges.iter().zip(readings).zip(&mut self.placed) {
            if at <= *edge {
                *newest = (*newest).max(Some(at));
            }
        }
    }

    /// Adds what a start counted between two readings, which stand for those times. `numbers` has a number of all keys for each
    /// of its own.
    pub(super) fn add(
        &mut self,
        [before, after]: [&Reading; 2],
        placed: [u64; 2],
        numbers: &[Option<u32>],
    ) {
        self.place(placed);
        // What was written in the moment of the beginning counts, too.
        if before.head.at > after.head.at {
            return;
        }
        self.observed.push((before.head.at, after.head.at));
        for entry in after.block.minus(&before.block).entries() {
            let number = numbers.get(entry.series as usize).copied().flatten();
            let Some(number) = number.filter(|number| self.wants(*number)) else {
                continue;
            };
            let key = self.known.get(number as usize).map(|known| &known.key);
            let changed = after.changed(entry.series);
            let length = key.map_or(0, |key| counts_of(key, self.buckets));
            for (index, count) in entry.pairs() {
                // A count that fell did not change.
                if index >= length || count > u64::MAX / 2 {
                    continue;
                }
                let empty = || (vec![0; length], 0);
                let (counts, last) = self.sums.entry(number).or_insert_with(empty);
                *last = changed.max(*last);
                if let Some(sum) = counts.get_mut(index) {
                    *sum = sum.saturating_add(count);
                }
            }
        }
    }

    fn wants(&self, number: u32) -> bool {
        self.wanted.get(number as usize) == Some(&true)
    }

    /// The sums. One until now ends now.
    pub(super) fn finish(self, until_now: bool, kind: Kind) -> Sums {
        let [from, to] = self.edges;
        let [begin, end] = self.placed;
        let mut sums = Sums {
            begin: Duration::from_millis(begin.unwrap_or(from)),
            end: Duration::from_millis(end.filter(|_| !until_now).unwrap_or(to)),
            covered: Duration::from_millis(length_of_all(self.observed)),
            ..Sums::default()
        };
        (sums.durations_begin, sums.durations_end) = (sums.begin, sums.end);
        for (number, (counts, last)) in self.sums {
            let Some(known) = self.known.get(number as usize) else {
                continue;
            };
            let key = known.key.clone();
            match kind {
                Kind::Counts => {
                    sums.last.insert(key.clone(), Duration::from_millis(last));
                    sums.counts.insert(key, counts);
                }
                Kind::Durations => {
                    sums.durations.insert(key, Some(counts));
                }
            }
        }
        sums
    }
}

/// How long all of these times are together, where they overlap once.
fn length_of_all(mut times: Vec<(u64, u64)>) -> u64 {
    times.sort_unstable();
    let (mut length, mut until) = (0, 0);
    for (begin, end) in times {
        let begin = begin.max(until);
        if end > begin {
            length += end - begin;
            until = end;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_overlap_count_once() {
        assert_eq!(length_of_all(vec![]), 0);
        assert_eq!(length_of_all(vec![(5, 10), (0, 2), (8, 12), (9, 10)]), 9);
    }
}
