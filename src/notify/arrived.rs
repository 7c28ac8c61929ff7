//! Remembers who has a message that did not reach everybody, so that another attempt tells only the others.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{notification::Notification, notifier::NotifyError};

/// How many messages are remembered.
const REMEMBERED: usize = 8;

/// Who has which message. Two stacks can share a notifier, so there can be several.
pub(super) struct Arrived<R>(Mutex<VecDeque<(Vec<Notification>, Reached<R>)>>);

/// How far a message came.
pub(super) struct Reached<R> {
    /// Who needs no other attempt: they have it, or will never have it.
    pub(super) done: BTreeSet<R>,
    /// Why somebody will never have it.
    pub(super) refused: Option<NotifyError>,
}

// === impl Arrived ===

impl<R> Arrived<R> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// Takes what is known of this message.
    pub(super) fn take(&self, message: &[Notification]) -> Reached<R> {
        let mut all = self.lock();
        let place = all.iter().position(|(known, _)| known == message);
        let taken = place.and_then(|place| all.remove(place));
        taken.map_or_else(Reached::nobody, |(_, reached)| reached)
    }

    /// Keeps it for the next attempt.
    pub(super) fn keep(&self, message: &[Notification], reached: Reached<R>) {
        let mut all = self.lock();
        all.truncate(REMEMBERED - 1);
        all.push_front((message.to_vec(), reached));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Vec<Notification>, Reached<R>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reached ===

impl<R> Reached<R> {
    const fn nobody() -> Self {
        Self {
            done: BTreeSet::new(),
            refused: None,
        }
    }
}
