//! Adds up all that starts counted, by what it is. It knows no socket and no clock.

use std::collections::HashMap;

use super::{
    form::{self, AT, EPOCH, Field, Head, Kind, Reading, VERSION},
    keys::StartId,
    schedule::{Snap, Snaps},
    start_names::{StartNames, read_names},
};
use crate::{metrics::readings::Key, window::Numbers};

/// No count of this crate has a higher index.
const MOST: usize = 4_096;

/// What several starts counted together.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Of what is counted, and of durations. What a number stands for stays.
    numbers: [Numbers; 2],
    counts: [HashMap<Key, Vec<u64>>; 2],
    /// The second since 1970 in which counts changed last.
    last: HashMap<Key, u32>,
    /// When it was written last, in milliseconds since 1970.
    at: Option<u64>,
    copies: HashMap<StartId, Snaps>,
}

// === impl Gathered ===

impl Gathered {
    /// What was gathered before, from the hashes of counts, durations and names. `None` if a later version wrote some of it.
    pub(super) fn of(hashes: &[Vec<Field>]) -> Option<Self> {
        let mut gathered = Self::default();
        let [counts, fine, names] = hashes else {
            return None;
        };
        if counts.is_empty() {
            return Some(gathered);
        }
        let names = read_names(names)?;
        for (kind, numbers) in Kind::BOTH.into_iter().zip(&mut gathered.numbers) {
            for key in names.of(kind) {
                numbers.number(key.as_ref()?)?;
            }
        }
        let head = gathered.take([counts, fine], &names)?;
        gathered.at = Some(head.at);
        Some(gathered)
    }

    /// Adds what a start counted. `false` if a later version counted some of it: then nothing is added.
    pub(super) fn add(&mut self, start: StartId, hashes: &[Vec<Field>]) -> bool {
        let [counts, fine, names] = hashes else {
            return false;
        };
        if counts.is_empty() {
            // Nothing is left of it.
            return true;
        }
        let Some(names) = read_names(names) else {
            return false;
        };
        let are_known = |kind: Kind| names.of(kind).iter().all(Option::is_some);
        if !Kind::BOTH.into_iter().all(are_known) {
            return false;
        }
        let Some(head) = self.take([counts, fine], &names) else {
            return false;
        };
        self.copies.insert(start, head.snaps);
        true
    }

    /// When it was written last.
    pub(super) const fn at(&self) -> Option<u64> {
        self.at
    }

    /// The copies of a start that was added.
    pub(super) fn copies_of(&self, start: StartId) -> impl Iterator<Item = Snap> {
        self.copies.get(&start).into_iter().flat_map(Snaps::iter)
    }

    fn take(&mut self, hashes: [&Vec<Field>; 2], names: &StartNames) -> Option<Head> {
        let [counts, fine] = hashes;
        let read = Reading::read(counts, Kind::Counts)?;
        // The last durations of one that was killed are not there.
        let fine = Reading::read(fine, Kind::Durations).unwrap_or_default();
        for (kind, reading) in Kind::BOTH.into_iter().zip([&read, &fine]) {
            let sums = kind.of(self.counts.each_mut());
            for entry in reading.block.entries() {
                let key = names.of(kind).get(entry.series as usize);
                let Some(key) = key.and_then(Option::as_ref) else {
                    continue;
                };
                let sum = sums.entry(key.clone()).or_default();
                for (index, count) in entry.pairs().filter(|(index, _)| *index < MOST) {
                    if sum.len() <= index {
                        sum.resize(index + 1, 0);
                    }
                    if let Some(sum) = sum.get_mut(index) {
                        *sum = sum.saturating_add(count);
                    }
                }
                if kind == Kind::Counts {
                    let second = u32::try_from(reading.changed(entry.series) / 1_000);
                    let last = self.last.entry(key.clone()).or_default();
                    *last = (*last).max(second.unwrap_or(u32::MAX));
                }
            }
        }
        Some(read.head)
    }

    /// The hashes of counts, durations and names, as a start would write them at this time.
    pub(super) fn hashes(&mut self, at: u64) -> [Vec<Field>; 3] {
        let mark = || (EPOCH.into(), VERSION.into());
        let moment = || (AT.into(), at.to_string().into());
        let (mut names, mut chunks) = (vec![mark()], [Vec::new(), Vec::new()]);
        let sides = Kind::BOTH.into_iter().zip(&mut self.numbers);
        for ((kind, numbers), (counts, chunks)) in sides.zip(self.counts.iter().zip(&mut chunks)) {
            let counts: Vec<_> = counts.clone().into_iter().collect();
            let numbered = numbers.numbered(&counts);
            let fields = form::chunks(&numbered, kind).into_iter();
            chunks.extend(fields.map(|(chunk, value)| (form::field(chunk), value)));
            names.push(form::names(kind, 0, numbers.all()));
        }
        let [counts, durations] = chunks;
        let known = self
            .numbers
            .each_ref()
            .map(|numbers| numbers.all().len() as u64);
        let head = Head {
            at,
            names: known,
            snaps: Snaps::default(),
            fine_at: at,
        };
        let seconds = self.numbers[0].all().iter();
        let seconds = seconds.map(|known| self.last.get(&known.key).copied().unwrap_or_default());
        let seconds: Vec<_> = seconds.collect();
        let groups = seconds.chunks(form::LAST_IN_FIELD).enumerate();
        let last = groups.map(|(group, seconds)| form::last(group, seconds));
        let counts = head.fields().into_iter().chain(counts).chain(last);
        [
            counts.chain([mark()]).collect(),
            durations.into_iter().chain([moment(), mark()]).collect(),
            names,
        ]
    }
}
