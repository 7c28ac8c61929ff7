//! What was read of one start of an instance.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    edges::{Edge, Edges},
    entry::Entry,
    form::{Kind, Reading},
    schedule::{Schedule, Snap},
};

/// What was read of a start.
#[derive(Debug)]
pub(super) struct KnownStart {
    pub(super) entry: Entry,
    /// When it gave a sign of life last. `None` if that is not there.
    pub(super) seen: Option<u64>,
    /// The last reading, and the sign of life that it belongs to.
    now: Option<(Option<u64>, Arc<Reading>)>,
    fine: Option<Arc<Reading>>,
    /// For each of its numbers the number of the reader.
    pub(super) numbers: [Vec<Option<u32>>; 2],
    /// Copies that were read. `None` for one that is not there.
    copies: HashMap<(Kind, Snap), Copied>,
    gone: [HashSet<Snap>; 2],
}

#[derive(Debug)]
struct Copied {
    reading: Arc<Reading>,
    /// When it was asked for last.
    used: u64,
}

// === impl KnownStart ===

impl KnownStart {
    pub(super) fn new(entry: Entry) -> Self {
        Self {
            entry,
            seen: None,
            now: None,
            fine: None,
            numbers: Default::default(),
            copies: HashMap::new(),
            gone: Default::default(),
        }
    }

    /// Begins a new look: what was not there can be there now, and what nobody asked for since `since` is forgotten.
    pub(super) fn look(&mut self, entry: Entry, seen: Option<u64>, since: u64) {
        self.entry = entry;
        self.seen = seen;
        self.gone.iter_mut().for_each(HashSet::clear);
        self.copies.retain(|_, copied| copied.used >= since);
    }

    /// Since when it counted nothing that is known. At its beginning itself, it had counted nothing.
    pub(super) fn silent_since(&self) -> u64 {
        let seen = self.seen.unwrap_or_default();
        seen.max(self.entry.began.saturating_add(1))
    }

    /// Whether the last reading is not the last one any more.
    pub(super) fn is_old(&self) -> bool {
        match &self.now {
            Some((seen, _)) => seen.is_none() || *seen != self.seen,
            None => true,
        }
    }

    /// Whether there is a last reading.
    pub(super) const fn is_read(&self) -> bool {
        self.now.is_some()
    }

    /// Takes the last reading. Without one, the one before stays.
    pub(super) fn set_now(&mut self, reading: Option<Reading>) {
        if let Some(reading) = reading {
            self.now = Some((self.seen, Arc::new(reading)));
        }
    }

    /// How many names it has, if some of them are not known.
    pub(super) fn lacks_names(&self) -> bool {
        let Some((_, now)) = &self.now else {
            return false;
        };
        let known = self.numbers.each_ref().map(|numbers| numbers.len() as u64);
        known
            .iter()
            .zip(now.head.names)
            .any(|(known, there)| *known < there)
    }

    /// The numbers of the reader that it has.
    pub(super) fn all_numbers(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().flatten().copied().flatten()
    }

    /// The reader has other numbers: by the number that it had, the new one.
    pub(super) fn renumber(&mut self, new: &[Option<u32>]) {
        for number in self.numbers.iter_mut().flatten() {
            *number = number.and_then(|number| new.get(number as usize).copied().flatten());
        }
    }

    /// Whether its last durations are not read.
    pub(super) fn lacks_fine(&self) -> bool {
        let written = self.now.as_ref().map(|(_, now)| now.head.fine_at);
        let known = self.fine.as_ref().map(|fine| fine.head.at);
        match (written, known) {
            (Some(written), Some(known)) => known < written,
            (written, _) => written.is_some(),
        }
    }

    pub(super) fn set_fine(&mut self, reading: Option<Reading>) {
        if let Some(reading) = reading {
            self.fine = Some(Arc::new(reading));
        }
    }

    /// What its edges are chosen from. `None` without a last reading: then nothing is known of it.
    pub(super) fn edges(&self, kind: Kind) -> Option<Edges<'_>> {
        let (_, now) = self.now.as_ref()?;
        let gone = kind.of(self.gone.each_ref());
        Some(Edges {
            schedule: Schedule::new(Duration::from_millis(self.entry.tick)),
            began: self.entry.began,
            first: self.entry.first,
            last: now.head.at,
            snaps: &now.head.snaps,
            gone: (!gone.is_empty()).then_some(gone),
        })
    }

    /// The reading of an edge. `None` if it was not read.
    pub(super) fn reading(&mut self, kind: Kind, edge: Edge, now: u64) -> Option<Arc<Reading>> {
        match (edge, kind) {
            (Edge::Begin, _) => {
                let mut reading = Reading::default();
                reading.head.at = self.entry.began;
                Some(Arc::new(reading))
            }
            (Edge::Now, Kind::Counts) => self.now.as_ref().map(|(_, now)| Arc::clone(now)),
            (Edge::Now, Kind::Durations) => {
                // It is not there if it was evicted a moment ago.
                let fine = self.fine.as_ref();
                Some(fine.map_or_else(Arc::default, Arc::clone))
            }
            (Edge::Copy(snap), _) => {
                let copied = self.copies.get_mut(&(kind, snap))?;
                copied.used = now;
                Some(Arc::clone(&copied.reading))
            }
        }
    }

    /// Takes a copy. `None` if it is not there.
    pub(super) fn set_copy(&mut self, kind: Kind, snap: Snap, reading: Option<Reading>, now: u64) {
        match reading {
            Some(reading) => {
                let reading = Arc::new(reading);
                let copied = Copied { reading, used: now };
                self.copies.insert((kind, snap), copied);
            }
            None => self.set_gone(kind, snap),
        }
    }

    pub(super) fn set_gone(&mut self, kind: Kind, snap: Snap) {
        kind.of(self.gone.each_mut()).insert(snap);
    }

    /// How many copies are kept.
    #[cfg(test)]
    pub(super) fn copies(&self) -> usize {
        self.copies.len()
    }
}
