//! Keeps what was decided and has not arrived, so that another instance of a fleet can tell it if this one dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::Value;

use super::{
    letter::{SealedLetter, StoredLetter},
    queue::CAPACITY,
    retry::Schedule,
};
use crate::alerts::Readable;

/// The oldest letter that is told. A notifier does not try for longer, either.
const OLDEST: Duration = Schedule::DEFAULT.total;

/// Held as long as a notification waits for one notifier, or is on its way to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticket(Arc<()>);

/// What was decided and has not arrived.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: Vec<Entry>,
    /// What a later version wrote. An instance of that version may tell it.
    sealed: Vec<SealedLetter>,
}

#[derive(Debug)]
struct Entry {
    /// With the notifiers to which it was not handed over.
    letter: StoredLetter,
    /// Those to which it was, and that may not have it yet.
    handed: Vec<(String, Weak<()>)>,
    /// It was not to be handed over yet.
    is_new: bool,
}

/// What is handed over at once.
#[derive(Debug, Default)]
pub(super) struct HandedOver {
    /// Each with the notifiers, and a ticket for each of them to be held until it has arrived there.
    pub(super) letters: Vec<(StoredLetter, Vec<(String, Ticket)>)>,
    /// How many each notifier is not told any more: they are too old, or too many for one that is not here.
    pub(super) lost: BTreeMap<String, u64>,
}

// === impl Outbox ===

impl Outbox {
    /// Keeps what is decided now.
    pub(super) fn put(&mut self, letter: StoredLetter) {
        self.entries.push(Entry {
            letter,
            handed: Vec::new(),
            is_new: true,
        });
    }

    /// Keeps what another instance decided and did not deliver. What waited for notifiers that are not here is among it.
    pub(super) fn go_on(&mut self, letters: Readable<StoredLetter>, now: Duration) {
        self.follow();
        for mut letter in letters.known {
            letter.at = letter.at.min(now);
            self.put(letter);
        }
        let sealed = letters.other.into_iter();
        self.sealed
            .extend(sealed.map(|value| SealedLetter::new(value, now)));
    }

    /// Leaves to another instance what nobody here can tell.
    pub(super) fn follow(&mut self) {
        self.sealed.clear();
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_new) {
            entry.letter.to.clear();
        }
        self.forget_arrived();
    }

    /// Gives what is to be handed over to the notifiers that are here.
    pub(super) fn hand_over(
        &mut self,
        now: Duration,
        is_here: impl Fn(&str) -> bool,
    ) -> HandedOver {
        let mut over = HandedOver::default();
        for entry in &mut self.entries {
            entry.is_new = false;
            let to = &mut entry.letter.to;
            if is_too_old(entry.letter.at, now) {
                over.lose(mem::take(to));
                continue;
            }
            let (here, elsewhere) = mem::take(to).into_iter().partition(|name| is_here(name));
            *to = elsewhere;
            let tickets = BTreeSet::into_iter(here).map(|name| (name, Ticket::default()));
            let tickets: Vec<_> = tickets.collect();
            let weak = |(name, ticket): &(String, Ticket)| (name.clone(), ticket.weak());
            entry.handed.extend(tickets.iter().map(weak));
            if !tickets.is_empty() {
                over.letters.push((entry.letter.clone(), tickets));
            }
        }
        let excess = self.sealed.len().saturating_sub(CAPACITY);
        let mut place = 0..;
        self.sealed.retain_mut(|one| {
            let is_kept = place.next() >= Some(excess) && !is_too_old(one.address.at, now);
            if !is_kept {
                over.lose(mem::take(&mut one.address.to));
            }
            is_kept
        });
        self.forget_arrived();
        over
    }

    /// Forgets what was not to be handed over yet.
    pub(super) fn take_back(&mut self) {
        self.entries.retain(|entry| !entry.is_new);
    }

    /// What has not arrived. Of what is new there are as many for each notifier as wait for it: when it is handed over, the others
    /// are dropped and counted.
    pub(super) fn stored(&mut self) -> Readable<StoredLetter> {
        self.forget_arrived();
        let mut new = BTreeMap::<&str, usize>::new();
        let mut known = Vec::new();
        for Entry { letter, handed, .. } in self.entries.iter().rev() {
            let mut to: BTreeSet<_> = handed.iter().map(|(name, _)| name.clone()).collect();
            for name in &letter.to {
                let before = new.entry(name).or_default();
                if *before < CAPACITY {
                    to.insert(name.clone());
                }
                *before += 1;
            }
            if !to.is_empty() {
                let mut letter = letter.clone();
                letter.to = to;
                known.push(letter);
            }
        }
        known.reverse();
        let sealed = self.sealed.iter();
        let other: Vec<Value> = sealed.map(|one| one.value.clone()).collect();
        Readable { known, other }
    }

    /// Whether all has arrived that can be told here.
    pub(super) fn is_settled(&mut self) -> bool {
        self.forget_arrived();
        let mut entries = self.entries.iter();
        entries.all(|entry| !entry.is_new && entry.handed.is_empty())
    }

    fn forget_arrived(&mut self) {
        self.entries.retain_mut(|entry| {
            entry.handed.retain(|(_, ticket)| ticket.strong_count() > 0);
            !entry.handed.is_empty() || !entry.letter.to.is_empty()
        });
    }
}

fn is_too_old(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) > OLDEST
}

// === impl HandedOver ===

impl HandedOver {
    fn lose(&mut self, to: BTreeSet<String>) {
        for name in to {
            *self.lost.entry(name).or_default() += 1;
        }
    }
}

// === impl Ticket ===

impl Ticket {
    fn weak(&self) -> Weak<()> {
        Arc::downgrade(&self.0)
    }
}

#[cfg(test)]
mod tests;
