//! What the numbers of a start stand for.

use super::form::{EPOCH, Field, Kind, MOST, VERSION};
use crate::{
    metrics::readings::Key,
    window::{read_key, varint},
};

/// What the numbers of a start stand for. A start never changes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StartNames {
    /// `None` for what a later version of this crate counts.
    counts: Vec<Option<Key>>,
    durations: Vec<Option<Key>>,
}

// === impl StartNames ===

impl StartNames {
    pub(super) fn of(&self, kind: Kind) -> &[Option<Key>] {
        kind.of([&self.counts, &self.durations])
    }

    /// Sets what a number stands for, if that is of this kind.
    pub(super) fn set(&mut self, kind: Kind, number: usize, key: Option<Key>) {
        let is_of_durations = kind == Kind::Durations;
        let names = kind.of([&mut self.counts, &mut self.durations]);
        if names.len() <= number {
            names.resize(number + 1, None);
        }
        if let Some(name) = names.get_mut(number) {
            *name = key.filter(|key| key.is_of_durations() == is_of_durations);
        }
    }
}

/// Reads a hash of names. `None` if it was not written as a whole, or in another form.
pub(super) fn read_names(hash: &[Field]) -> Option<StartNames> {
    let epoch = hash.iter().find(|(field, _)| field == EPOCH.as_bytes());
    if epoch?.1 != VERSION.as_bytes() {
        return None;
    }
    let mut names = StartNames::default();
    for (field, value) in hash {
        let kind = Kind::BOTH
            .into_iter()
            .find(|kind| field.first() == Some(&kind.letter()));
        let first = field.get(1..).and_then(|text| str::from_utf8(text).ok());
        let first = first.and_then(|text| text.parse::<usize>().ok());
        let (Some(kind), Some(first)) = (kind, first) else {
            continue;
        };
        let mut value = &**value;
        let mut number = first;
        while !value.is_empty() && number < MOST {
            let length = usize::try_from(varint::read(&mut value)?).ok()?;
            let (one, rest) = value.split_at_checked(length)?;
            value = rest;
            names.set(kind, number, read_key(one));
            number += 1;
        }
    }
    Some(names)
}
