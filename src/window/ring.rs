//! Keeps what was counted in the last day, in slots of several lengths.

use std::time::Duration;

use super::{
    budget::{self, Uses},
    decode::Stored,
    encode,
    moment::{Axis, Moment, Time, millis},
    numbers::{self, Numbers},
    settings::Settings,
    sums::{Adding, Span, Sums, keyed},
    track::{self, Track},
};
use crate::metrics::readings::{Key, Readings};

/// What was added to cumulative readings, slot by slot.
///
/// It takes at most its budget. If counts, names and the newest readings alone take more than that, it takes what they take.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(super) settings: Settings,
    pub(super) axis: Axis,
    pub(super) numbers: Numbers,
    pub(super) counts: Track,
    pub(super) durations: Track,
    /// When it began to count.
    pub(super) began: u64,
    /// How much the durations were used.
    pub(super) uses: Uses,
    given_up: u64,
}

/// What was taken of an earlier process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The wall time until which there is something. `None` if nothing was taken.
    pub(crate) until: Option<Duration>,
    /// Whether there were durations with the same buckets.
    pub(crate) durations: bool,
}

/// The edges of a window on one track.
#[derive(Clone, Copy, Debug)]
struct Edges {
    from: u64,
    to: u64,
}

// === impl Ring ===

impl Ring {
    /// A ring that begins now. What was counted before is part of its first slot.
    pub(crate) fn new(settings: Settings, now: Moment) -> Self {
        let axis = Axis::new(now);
        let began = axis.at(now).now;
        Self {
            settings,
            axis,
            numbers: Numbers::default(),
            counts: Track::new(track::COUNTS, settings.slot, began),
            durations: Track::new(track::DURATIONS, settings.slot, began),
            began,
            uses: Uses::default(),
            given_up: 0,
        }
    }

    /// Takes a reading. It closes the slots that are over, and does nothing else if none is.
    pub(crate) fn tick(&mut self, now: Moment, live: &Readings) {
        let time = self.axis.advance(now);
        if !self.counts.finest().is_over(time) {
            return;
        }
        let counts = self.numbers.numbered(&live.counts);
        self.counts.tick(&counts, time);
        let durations = self.numbers.numbered(&live.durations);
        if let Some(slot) = self.durations.tick(&durations, time) {
            self.uses.close(&slot.block);
        }
        self.remember_changes();
        self.counts.expire(time.now);
        self.durations.expire(time.now);
        self.keep_to_budget();
    }

    /// Sums what was counted in a window, for the keys that are wanted.
    ///
    /// A window begins at the newest edge of a slot that is not after the time that is asked for, and one until now ends with
    /// `live`. So it is never shorter than asked. Windows that follow each other add up to one over all of them.
    pub(crate) fn sums(
        &self,
        span: Span,
        now: Moment,
        live: &Readings,
        wanted: impl Fn(&Key) -> bool,
    ) -> Sums {
        let time = self.axis.at(now);
        let counts = Edges::of(&self.counts, span, time);
        let durations = Edges::of(&self.durations, span, time);
        let mut sums = Sums {
            begin: time.wall_of(counts.from),
            end: time.wall_of(counts.to),
            durations_begin: time.wall_of(durations.from),
            durations_end: time.wall_of(durations.to),
            ..Sums::default()
        };

        let buckets = self.settings.buckets;
        let mut adding = Adding::new(&self.numbers, buckets, |key| {
            !key.is_of_durations() && wanted(key)
        });
        // Only the open slot is compared with what is counted now.
        let counts_are_open = self.counts.is_open_in(counts.from, counts.to, time);
        let known = match counts_are_open {
            true => self.numbers.known(&live.counts),
            false => Vec::new(),
        };
        adding.track(&self.counts, (counts.from, counts.to), &known, time);
        sums.covered = Duration::from_millis(adding.covered);
        sums.restored = Duration::from_millis(adding.restored);
        for (key, sum) in keyed(&self.numbers, adding.sums) {
            sums.last.insert(key.clone(), time.wall_of(sum.last));
            sums.counts.insert(key.clone(), sum.counts);
        }

        let wants_durations = |key: &Key| key.is_of_durations() && wanted(key);
        let mut adding = Adding::new(&self.numbers, buckets, wants_durations);
        let durations_are_open = self
            .durations
            .is_open_in(durations.from, durations.to, time);
        let known = match durations_are_open {
            true => self.numbers.known(&live.durations),
            false => Vec::new(),
        };
        adding.track(
            &self.durations,
            (durations.from, durations.to),
            &known,
            time,
        );
        for (key, sum) in keyed(&self.numbers, adding.sums) {
            let counts = (!sum.given_up).then_some(sum.counts);
            sums.durations.insert(key.clone(), counts);
        }

        // What is new since the last tick has no number yet.
        if counts_are_open {
            for (key, counts) in self.unknown(&live.counts, &wanted) {
                sums.last.insert(key.clone(), time.wall_of(time.until));
                sums.counts.insert(key.clone(), self.full(key, counts));
            }
        }
        if durations_are_open {
            for (key, counts) in self.unknown(&live.durations, &wanted) {
                let counts = Some(self.full(key, counts));
                sums.durations.insert(key.clone(), counts);
            }
        }
        sums
    }

    /// Forgets all. What is counted from now on counts.
    pub(crate) fn clear(&mut self, now: Moment, live: &Readings) {
        let time = self.axis.advance(now);
        self.numbers = Numbers::default();
        self.counts = Track::new(track::COUNTS, self.settings.slot, time.now);
        self.durations = Track::new(track::DURATIONS, self.settings.slot, time.now);
        self.counts.begin_with(&self.numbers.numbered(&live.counts));
        let durations = self.numbers.numbered(&live.durations);
        self.durations.begin_with(&durations);
        self.uses = Uses::default();
        self.began = time.now;
    }

    /// The last day in at most `limit` bytes, and how many endpoints and names of work were left out for that. The least busy ones
    /// are left out first. Without room for any, it takes 60 bytes.
    pub(crate) fn write(&mut self, now: Moment, live: &Readings, limit: usize) -> (Vec<u8>, usize) {
        let time = self.axis.at(now);
        let counts = self.numbers.numbered(&live.counts);
        let counts = encode::slots(&self.counts, &counts, time);
        let durations = self.numbers.numbered(&live.durations);
        let durations = encode::slots(&self.durations, &durations, time);
        encode::to_bytes(&self.settings, &self.numbers, &counts, &durations, limit)
    }

    /// Takes what an earlier process stored, as far as it is from before the start and not too old.
    pub(crate) fn restore(&mut self, stored: Stored, now: Moment) -> Restored {
        let time = self.axis.at(now);
        let numbers = stored.keys.iter().map(|key| self.numbers.number(key));
        let numbers: Vec<_> = numbers.collect();
        let durations = !stored.durations.is_empty();
        let began = self.began;
        let counts = self.counts.restore(stored.counts, &numbers, began, time);
        self.durations
            .restore(stored.durations, &numbers, began, time);
        for slot in &self.durations.coarsest().slots {
            self.uses.add(&slot.block);
        }
        self.keep_to_budget();
        Restored {
            until: counts.map(|until| time.wall_of(until)),
            durations,
        }
    }

    /// How long it is until the next slot begins, at least a millisecond.
    pub(crate) fn until_next(&self, now: Moment) -> Duration {
        let slot = self.settings.slot;
        Duration::from_millis(slot - self.axis.at(now).until % slot)
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.numbers.memory() + self.counts.memory() + self.durations.memory()
    }

    /// How often the durations of a series were given up in a slot.
    pub(crate) const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Gives up durations if it takes more than its budget.
    pub(super) fn keep_to_budget(&mut self) {
        let (memory, budget) = (self.memory(), self.settings.budget);
        if memory > budget {
            // More than is needed, so that it is not needed at each tick.
            let bytes = memory - budget + budget / 64;
            self.given_up += budget::give_up(&mut self.durations, &self.uses, bytes);
        }
    }

    /// Remembers what changed in the newest slot.
    fn remember_changes(&mut self) {
        if let Some(slot) = self.counts.finest().slots.back() {
            for entry in slot.block.entries() {
                self.numbers.changed(entry.series, slot.end);
            }
        }
    }

    /// What is wanted and has no number, if it was counted at all.
    fn unknown<'a>(
        &self,
        counts: &'a [(Key, Vec<u64>)],
        wanted: impl Fn(&Key) -> bool,
    ) -> impl Iterator<Item = (&'a Key, &'a [u64])> {
        let unknown = counts.iter().filter(move |(key, counts)| {
            !self.numbers.has(key) && wanted(key) && counts.iter().any(|count| *count != 0)
        });
        unknown.map(|(key, counts)| (key, &**counts))
    }

    /// Counts with the length that those of this key have.
    fn full(&self, key: &Key, counts: &[u64]) -> Vec<u64> {
        let mut full = counts.to_vec();
        full.resize(numbers::length(key, self.settings.buckets), 0);
        full
    }
}

// === impl Edges ===

impl Edges {
    fn of(track: &Track, span: Span, time: Time) -> Self {
        // What begins now or later is empty, since what ends then has all that is counted now.
        let place = |wall, edge: fn(&Track, u64, Time) -> u64| match time.place_of(wall) {
            at if at >= time.now => time.now,
            at => edge(track, at, time),
        };
        let (from, to) = match span {
            Span::Last(window) => {
                let from = time.now.saturating_sub(millis(window));
                (track.edge(from, time), time.now)
            }
            Span::Between(from, to) => (place(from, Track::edge), place(to, Track::edge)),
            Span::Step(from, to) => (place(from, Track::nearest), place(to, Track::nearest)),
        };
        Self {
            from: from.min(to),
            to,
        }
    }
}
