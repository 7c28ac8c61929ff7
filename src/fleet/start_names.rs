//! What the numbers of a start stand for.

use super::form::Kind;
use crate::metrics::readings::Key;

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
        match kind {
            Kind::Counts => &self.counts,
            Kind::Durations => &self.durations,
        }
    }

    /// Sets what a number stands for, if that is of this kind.
    pub(super) fn set(&mut self, kind: Kind, number: usize, key: Option<Key>) {
        let is_of_durations = kind == Kind::Durations;
        let names = match kind {
            Kind::Counts => &mut self.counts,
            Kind::Durations => &mut self.durations,
        };
        if names.len() <= number {
            names.resize(number + 1, None);
        }
        if let Some(name) = names.get_mut(number) {
            *name = key.filter(|key| key.is_of_durations() == is_of_durations);
        }
    }
}
