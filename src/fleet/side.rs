//! Knows what of the counts, or of the durations, is certainly in Redis.

use super::form::{self, Field, Kind};
use crate::{
    metrics::readings::Key,
    window::{Numbered, Numbers},
};

/// Counts, or durations.
#[derive(Debug)]
pub(super) struct Side {
    kind: Kind,
    numbers: Numbers,
    /// What was confirmed: the value of each field, by its number.
    values: Vec<Vec<u8>>,
    /// How many names were confirmed.
    pub(super) named: usize,
    /// By number, the sum of its counts, and the second since 1970 in which that changed last.
    seen: Vec<(u64, u32)>,
    /// What was confirmed of these seconds, by group.
    lasts: Vec<Vec<u8>>,
}

// === impl Side ===

impl Side {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            numbers: Numbers::default(),
            values: Vec::new(),
            named: 0,
            seen: Vec::new(),
            lasts: Vec::new(),
        }
    }

    /// The fields that differ from what was confirmed, or all of them. `now` is in milliseconds since 1970.
    pub(super) fn changed(
        &mut self,
        counts: &[(Key, Vec<u64>)],
        all: bool,
        now: u64,
    ) -> Vec<(u32, Vec<u8>)> {
        let numbered = self.numbers.numbered(counts);
        if self.kind == Kind::Counts {
            note(&mut self.seen, &numbered, now);
        }
        let mut chunks = form::chunks(&numbered, self.kind);
        if !all {
            chunks.retain(|(chunk, value)| self.values.get(*chunk as usize) != Some(value));
        }
        chunks
    }

    /// When counts changed last: the fields that differ from what was confirmed, or all of them, with the numbers of their groups.
    pub(super) fn lasts(&self, all: bool) -> Vec<(usize, Field)> {
        let groups = self.seen.chunks(form::LAST_IN_FIELD).enumerate();
        let fields = groups.map(|(group, seen)| {
            let seconds: Vec<_> = seen.iter().map(|(_, last)| *last).collect();
            (group, form::last(group, &seconds))
        });
        let is_new = |(group, (_, value)): &(usize, Field)| self.lasts.get(*group) != Some(value);
        fields.filter(|field| all || is_new(field)).collect()
    }

    pub(super) fn set_last(&mut self, group: usize, value: Vec<u8>) {
        put(&mut self.lasts, group, value);
    }

    pub(super) fn set(&mut self, chunk: u32, value: Vec<u8>) {
        put(&mut self.values, chunk as usize, value);
    }

    pub(super) fn known(&self) -> usize {
        self.numbers.all().len()
    }

    /// The names that were not confirmed, or all of them.
    pub(super) fn new_names(&self, all: bool) -> Option<Field> {
        let first = if all { 0 } else { self.named };
        let new = self.numbers.all().get(first..)?;
        (!new.is_empty()).then(|| form::names(self.kind, first, new))
    }
}

/// Notes which counts have changed.
fn note(seen: &mut Vec<(u64, u32)>, numbered: &Numbered<'_>, now: u64) {
    let second = u32::try_from(now / 1_000).unwrap_or(u32::MAX);
    for (number, counts) in numbered {
        let number = *number as usize;
        if seen.len() <= number {
            seen.resize(number + 1, (0, 0));
        }
        let sum = counts
            .iter()
            .fold(0_u64, |sum, count| sum.wrapping_add(*count));
        if let Some(known) = seen.get_mut(number).filter(|known| known.0 != sum) {
            *known = (sum, second);
        }
    }
}

fn put(values: &mut Vec<Vec<u8>>, place: usize, value: Vec<u8>) {
    if values.len() <= place {
        values.resize(place + 1, Vec::new());
    }
    if let Some(known) = values.get_mut(place) {
        *known = value;
    }
}
