//! Reads what all instances wrote, and keeps what does not change.

mod copies;

use std::{collections::HashMap, fmt};

use super::{
    added::Added,
    ask::Ask,
    commands::hashes,
    edges::Edge,
    form::{Kind, Reading},
    keys::{Keys, StartId},
    known_start::KnownStart,
    link_error::LinkError,
    listed::Listed,
    start_names::read_names,
};
use crate::{
    metrics::readings::Key,
    window::{Numbers, Span, Sums},
};

/// How long a copy that nobody asks for is kept, in milliseconds: evaluations are at most a minute apart, unless somebody wants.
const KEPT: u64 = 150_000;

/// So many names are kept in any case, though no start has them any more.
const LEAST_NAMES: usize = 1_000;

/// Reads what all instances wrote.
pub(super) struct Reader {
    asks: Box<dyn Ask + Send>,
    keys: Keys,
    /// How many buckets the durations of this instance have, and which.
    buckets: usize,
    grid: u64,
    numbers: Numbers,
    /// With more names than that, those are forgotten that no start has.
    most_names: usize,
    pub(super) starts: HashMap<StartId, KnownStart>,
    /// The clock of Redis at the last look, in milliseconds since 1970.
    pub(super) now: u64,
}

/// An edge of a window of a start.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    start: StartId,
    kind: Kind,
    time: u64,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(
        asks: Box<dyn Ask + Send>,
        keys: Keys,
        (buckets, grid): (usize, u64),
    ) -> Self {
        Self {
            asks,
            keys,
            buckets,
            grid,
            numbers: Numbers::default(),
            most_names: LEAST_NAMES,
            starts: HashMap::new(),
            now: 0,
        }
    }

    /// The buckets of the durations of this instance.
    pub(super) const fn grid(&self) -> u64 {
        self.grid
    }

    /// Looks who is there.
    pub(super) fn look(&mut self) -> Result<(), LinkError> {
        let listed = Listed::read(&mut *self.asks, &self.keys)?;
        self.now = listed.now;
        let since = self.now.saturating_sub(KEPT);
        let mut starts = std::mem::take(&mut self.starts);
        for (start, entry, seen) in listed.starts {
            let known = starts.remove(&start);
            let mut known = known.unwrap_or_else(|| KnownStart::new(entry.clone()));
            known.look(entry, seen, since);
            self.starts.insert(start, known);
        }
        self.forget_names();
        Ok(())
    }

    /// Forgets the names that no start has any more, once they can be most of them.
    fn forget_names(&mut self) {
        let all = self.numbers.all();
        if all.len() <= self.most_names {
            return;
        }
        let mut is_used = vec![false; all.len()];
        for number in self.starts.values().flat_map(KnownStart::all_numbers) {
            if let Some(is_used) = is_used.get_mut(number as usize) {
                *is_used = true;
            }
        }
        let mut numbers = Numbers::default();
        let new: Vec<_> = all
            .iter()
            .zip(is_used)
            .map(|(known, is_used)| is_used.then(|| numbers.number(&known.key)).flatten())
            .collect();
        for known in self.starts.values_mut() {
            known.renumber(&new);
        }
        self.most_names = LEAST_NAMES.max(2 * numbers.all().len());
        self.numbers = numbers;
    }

    /// What was counted in a stretch of time, for the keys that are wanted, of one start or of all of them.
    pub(super) fn sums(
        &mut self,
        span: Span,
        wanted: &dyn Fn(&Key) -> bool,
        only: Option<StartId>,
    ) -> Result<Sums, LinkError> {
        let (from, to) = self.times(span);
        let starts = self.starts_in(from, to, only);
        self.read_last(&starts)?;
        let mut sums = self.sums_of(&starts, (from, to), Kind::Counts, wanted)?;
        (sums.durations_begin, sums.durations_end) = (sums.begin, sums.end);
        let wants_durations = self.numbers.all().iter();
        if wants_durations
            .filter(|known| known.key.is_of_durations())
            .any(|known| wanted(&known.key))
        {
            let of_grid = |start: &StartId| {
                let known = self.starts.get(start);
                known.is_some_and(|known| known.entry.grid == self.grid)
            };
            let starts: Vec<_> = starts.into_iter().filter(of_grid).collect();
            self.read_fine(&starts, to)?;
            let durations = self.sums_of(&starts, (from, to), Kind::Durations, wanted)?;
            sums.durations = durations.durations;
            sums.durations_begin = durations.begin;
            sums.durations_end = durations.end;
        }
        Ok(sums)
    }

    fn times(&self, span: Span) -> (u64, u64) {
        let millis =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match span {
            Span::Last(window) => (self.now.saturating_sub(millis(window)), self.now),
            // Here the same edge stands for a time in both.
            Span::Between(from, to) | Span::Step(from, to) => {
                (millis(from), millis(to).min(self.now))
            }
        }
    }

    /// The starts that can have counted something in a stretch of time.
    fn starts_in(&self, from: u64, to: u64, only: Option<StartId>) -> Vec<StartId> {
        let starts = self.starts.iter().filter(|(start, known)| {
            only.is_none_or(|only| only == **start)
                && known.seen.is_none_or(|seen| seen >= from)
                && known.entry.began < to
        });
        let mut starts: Vec<_> = starts.map(|(start, _)| *start).collect();
        starts.sort_unstable();
        starts
    }

    /// Reads the last counts of these starts, and their names, where that is not known.
    fn read_last(&mut self, starts: &[StartId]) -> Result<(), LinkError> {
        let is_old = |known: &KnownStart| known.is_old();
        let old = self.with(starts, is_old);
        let keys = old.iter().map(|start| self.keys.now(*start)).collect();
        for (start, hash) in old.iter().zip(hashes(&mut *self.asks, keys)?) {
            let reading = Reading::read(&hash, Kind::Counts);
            self.change(*start, |known| known.set_now(reading));
        }
        let unnamed = self.with(starts, KnownStart::lacks_names);
        let keys = unnamed
            .iter()
            .map(|start| self.keys.names(*start))
            .collect();
        for (start, hash) in unnamed.iter().zip(hashes(&mut *self.asks, keys)?) {
            let Some(names) = read_names(&hash) else {
                continue;
            };
            let numbers = Kind::BOTH.map(|kind| {
                let names = names.of(kind).iter();
                let number = |key: &Option<Key>| self.numbers.number(key.as_ref()?);
                names.map(number).collect()
            });
            self.change(*start, |known| known.numbers = numbers);
        }
        Ok(())
    }

    /// The time of the edge at the end of a window. One until now ends with the last reading, also if that was written after the look.
    const fn edge_of(&self, to: u64) -> u64 {
        if to >= self.now { u64::MAX } else { to }
    }

    /// Reads the last durations of these starts, if the edge needs them.
    fn read_fine(&mut self, starts: &[StartId], to: u64) -> Result<(), LinkError> {
        let to = self.edge_of(to);
        let lacks = |known: &KnownStart| {
            let edges = known.edges(Kind::Durations);
            edges.is_some_and(|edges| edges.at(to) == Edge::Now) && known.lacks_fine()
        };
        let lacking = self.with(starts, lacks);
        let keys = lacking.iter().map(|start| self.keys.fine(*start)).collect();
        for (start, hash) in lacking.iter().zip(hashes(&mut *self.asks, keys)?) {
            let reading = Reading::read(&hash, Kind::Durations);
            self.change(*start, |known| known.set_fine(reading));
        }
        Ok(())
    }

    fn sums_of(
        &mut self,
        starts: &[StartId],
        (from, to): (u64, u64),
        kind: Kind,
        wanted: &dyn Fn(&Key) -> bool,
    ) -> Result<Sums, LinkError> {
        let edges_at = [from, self.edge_of(to)];
        let wants = starts.iter().flat_map(|start| {
            edges_at.map(|time| Wanted {
                start: *start,
                kind,
                time,
            })
        });
        self.read_copies(&wants.collect::<Vec<_>>())?;
        let now = self.now;
        let mut added = Added::new((from, to), self.numbers.all(), self.buckets, wanted);
        let silent = self.starts.values();
        let silent = silent.filter(|known| known.seen.is_some_and(|seen| seen < from));
        silent.for_each(|known| added.note(known.silent_since()));
        for start in starts {
            let Some(known) = self.starts.get_mut(start) else {
                continue;
            };
            let Some(edges) = known.edges(kind) else {
                continue;
            };
            let chosen = edges_at.map(|time| edges.at(time));
            let placed = edges_at.map(|time| edges.stands_for(edges.at(time), time));
            let readings = chosen.map(|edge| known.reading(kind, edge, now));
            if let [Some(before), Some(after)] = readings {
                let numbers = kind.of(known.numbers.each_ref());
                added.add([&before, &after], placed, numbers);
            }
        }
        Ok(added.finish(to >= now, kind))
    }

    fn with(&self, starts: &[StartId], which: impl Fn(&KnownStart) -> bool) -> Vec<StartId> {
        let known = starts
            .iter()
            .filter(|start| self.starts.get(start).is_some_and(&which));
        known.copied().collect()
    }

    fn change(&mut self, start: StartId, change: impl FnOnce(&mut KnownStart)) {
        if let Some(known) = self.starts.get_mut(&start) {
            change(known);
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
