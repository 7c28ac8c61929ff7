//! Knows what of the counts, or of the durations, is certainly in Redis.

use super::form::{self, Field, Kind};
use crate::{metrics::readings::Key, window::Numbers};

/// Counts, or durations.
#[derive(Debug)]
pub(super) struct Side {
    kind: Kind,
    numbers: Numbers,
    /// What was confirmed: the value of each field, by its number.
    values: Vec<Vec<u8>>,
    /// How many names were confirmed.
    pub(super) named: usize,
}

// === impl Side ===

impl Side {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            numbers: Numbers::default(),
            values: Vec::new(),
            named: 0,
        }
    }

    /// The fields that differ from what was confirmed, or all of them.
    pub(super) fn changed(&mut self, counts: &[(Key, Vec<u64>)], all: bool) -> Vec<(u32, Vec<u8>)> {
        let numbered = self.numbers.numbered(counts);
        let mut chunks = form::chunks(&numbered, self.kind);
        if !all {
            chunks.retain(|(chunk, value)| self.values.get(*chunk as usize) != Some(value));
        }
        chunks
    }

    pub(super) fn set(&mut self, chunk: u32, value: Vec<u8>) {
        let chunk = chunk as usize;
        if self.values.len() <= chunk {
            self.values.resize(chunk + 1, Vec::new());
        }
        if let Some(known) = self.values.get_mut(chunk) {
            *known = value;
        }
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
