//! Gives each thing that is counted a number.

use std::collections::HashMap;

use crate::{
    facts::work::Work,
    metrics::readings::{Key, requests, totals, work},
};

/// The numbers of all things that were ever counted. They ascend from 0.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    numbers: HashMap<Key, u32>,
    known: Vec<Known>,
    /// The bytes of all names. Names are shared, so it is more than they take.
    names: usize,
}

#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) key: Key,
    /// The end of the newest slot in which it changed.
    pub(super) changed: u64,
}

/// Cumulative counts by number, ascending.
pub(crate) type Numbered<'a> = Vec<(u32, &'a [u64])>;

// === impl Numbers ===

impl Numbers {
    /// The counts of a reading, each thing with its number.
    pub(crate) fn numbered<'a>(&mut self, counts: &'a [(Key, Vec<u64>)]) -> Numbered<'a> {
        let numbered = counts.iter();
        sorted(
            numbered
                .filter_map(|(key, counts)| Some((self.number(key)?, &**counts)))
                .collect(),
        )
    }

    /// The same, without what has no number yet.
    pub(super) fn known<'a>(&self, counts: &'a [(Key, Vec<u64>)]) -> Numbered<'a> {
        let numbered = counts.iter();
        sorted(
            numbered
                .filter_map(|(key, counts)| Some((*self.numbers.get(key)?, &**counts)))
                .collect(),
        )
    }

    /// The number of a thing. `None` if all numbers are taken.
    pub(crate) fn number(&mut self, key: &Key) -> Option<u32> {
        if let Some(number) = self.numbers.get(key) {
            return Some(*number);
        }
        let number = u32::try_from(self.known.len()).ok()?;
        self.names += names(key).map(|name| name.len() + 16).sum::<usize>();
        self.numbers.insert(key.clone(), number);
        self.known.push(Known {
            key: key.clone(),
            changed: 0,
        });
        Some(number)
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.numbers.contains_key(key)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Known> {
        self.known.get(number as usize)
    }

    /// All, by number.
    pub(crate) fn all(&self) -> &[Known] {
        &self.known
    }

    /// Something changed in a slot that ended then.
    pub(super) fn changed(&mut self, number: u32, at: u64) {
        if let Some(known) = self.known.get_mut(number as usize) {
            known.changed = known.changed.max(at);
        }
    }

    /// The memory that they take, in bytes.
    pub(super) fn memory(&self) -> usize {
        // A hash map is at most 7/8 full and has a byte of its own for each place.
        let places = self.numbers.capacity() * 8 / 7;
        places * (size_of::<(Key, u32)>() + 1)
            + self.known.capacity() * size_of::<Known>()
            + self.names
    }
}

/// In ascending order. A thing that is there twice counts once.
fn sorted(mut numbered: Numbered<'_>) -> Numbered<'_> {
    numbered.sort_unstable_by_key(|(number, _)| *number);
    numbered.dedup_by_key(|(number, _)| *number);
    numbered
}

/// What a thing belongs to: an endpoint, or work of this kind and name. All requests together belong to nothing.
pub(super) fn owner(key: &Key) -> Option<(Option<Work>, &str)> {
    match key {
        Key::Totals => None,
        Key::Requests { endpoint, .. }
        | Key::Errors { endpoint, .. }
        | Key::ErrorType { endpoint, .. }
        | Key::Durations { endpoint, .. } => Some((None, endpoint)),
        Key::Work { work, name, .. } | Key::WorkDurations { work, name, .. } => {
            Some((Some(*work), name))
        }
    }
}

/// The texts of a thing: to what it belongs, and the type of an error.
pub(super) fn names(key: &Key) -> impl Iterator<Item = &str> {
    let error_type = match key {
        Key::ErrorType { error_type, .. } => Some(&**error_type),
        _ => None,
    };
    let owner = owner(key).map(|(_, name)| name);
    owner.into_iter().chain(error_type)
}

/// How many counts a thing has, with so many buckets.
pub(crate) const fn length(key: &Key, buckets: usize) -> usize {
    match key {
        Key::Totals => totals::COUNTS,
        Key::Requests { .. } => requests::COUNTS,
        Key::Errors { .. } | Key::ErrorType { .. } => 1,
        Key::Work { .. } => work::COUNTS,
        Key::Durations { .. } | Key::WorkDurations { .. } => buckets,
    }
}
