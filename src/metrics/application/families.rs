//! Holds all families of the application, and keeps those apart whose names clash.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{super::samples::Kind, family::Family, names, notices};

/// The most families, with those that are not shown.
const MOST: usize = 1_000;

/// All families of the application.
#[derive(Debug, Default)]
pub(super) struct Families {
    table: RwLock<Table>,
    /// Whether the application was warned that there are too many.
    told: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<Box<str>, Entry>,
    /// The family of each name that a sample can have.
    samples: HashMap<String, Arc<Family>>,
}

#[derive(Clone, Debug)]
enum Entry {
    Shown(Arc<Family>),
    /// What is recorded under this name is dropped.
    Hidden,
}

/// Why a family is not shown.
enum Clash {
    /// This crate publishes the name.
    Reserved,
    /// Another family of the application has samples of the same name.
    With(Arc<Family>),
}

// === impl Families ===

impl Families {
    /// The family of this name and kind, which `make` makes if there is none yet. `None` if what is recorded is dropped; then the
    /// application has been warned.
    pub(super) fn find_or_add(
        &self,
        name: &str,
        kind: Kind,
        reserved: &dyn Fn(&str) -> bool,
        make: impl FnOnce() -> Family,
    ) -> Option<Arc<Family>> {
        let found = self.table().entries.get(name).cloned();
        let entry = found.or_else(|| self.add(name, kind, reserved, make));
        match entry? {
            Entry::Shown(family) if family.kind() == kind => Some(family),
            Entry::Shown(family) => {
                family.clash(kind);
                None
            }
            Entry::Hidden => None,
        }
    }

    /// All that are shown, in the order of their names.
    pub(super) fn all(&self) -> Vec<Arc<Family>> {
        let table = self.table();
        let entries = table.entries.values().cloned();
        let shown = entries.filter_map(|entry| match entry {
            Entry::Shown(family) => Some(family),
            Entry::Hidden => None,
        });
        shown.collect()
    }

    /// Adds a family. `None` if there are too many.
    fn add(
        &self,
        name: &str,
        kind: Kind,
        reserved: &dyn Fn(&str) -> bool,
        make: impl FnOnce() -> Family,
    ) -> Option<Entry> {
        let room = self.table().entries.len() < MOST;
        let samples = room.then(|| names::of_samples(name, kind));
        let added = samples.and_then(|samples| {
            let is_reserved = samples.iter().any(|sample| reserved(sample));
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            table.add(name, samples, is_reserved, make)
        });
        // The table is free again: a subscriber can record metrics.
        match &added {
            None if !self.told.swap(true, Relaxed) => notices::families(name, MOST),
            Some((_, Some(Clash::Reserved))) => notices::reserved(name),
            Some((_, Some(Clash::With(other)))) => notices::samples(name, other.name()),
            Some((_, None)) | None => {}
        }
        added.map(|(entry, _)| entry)
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Table ===

impl Table {
    /// Adds a family, unless another thread has added it meanwhile. `None` if there are too many.
    fn add(
        &mut self,
        name: &str,
        samples: Vec<String>,
        is_reserved: bool,
        make: impl FnOnce() -> Family,
    ) -> Option<(Entry, Option<Clash>)> {
        if let Some(entry) = self.entries.get(name) {
            return Some((entry.clone(), None));
        }
        if self.entries.len() >= MOST {
            return None;
        }
        let with = || samples.iter().find_map(|sample| self.samples.get(sample));
        let clash = if is_reserved {
            Some(Clash::Reserved)
        } else {
            with().cloned().map(Clash::With)
        };
        let entry = if clash.is_some() {
            Entry::Hidden
        } else {
            let family = Arc::new(make());
            let owned = samples
                .into_iter()
                .map(|sample| (sample, Arc::clone(&family)));
            self.samples.extend(owned);
            Entry::Shown(family)
        };
        self.entries.insert(name.into(), entry.clone());
        Some((entry, clash))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::{super::value::Model, *};

    fn counter(name: &str) -> Family {
        let model = Model {
            kind: Kind::Counter,
            edges: [].into(),
            dropped: Arc::default(),
        };
        Family::new(name, model, 1)
    }

    fn find(families: &Families, name: &str) -> bool {
        let no = |_: &str| false;
        let found = families.find_or_add(name, Kind::Counter, &no, || counter(name));
        found.is_some()
    }

    #[test]
    fn a_family_and_one_too_many_are_found_while_others_hold_the_lock_for_reading() {
        let families = Arc::new(Families::default());
        for n in 0..MOST {
            assert!(find(&families, &format!("family_{n}")));
        }
        let _held = families.table();
        let (done, waits) = mpsc::channel();
        let shared = Arc::clone(&families);
        thread::spawn(move || {
            let _ = done.send((find(&shared, "family_7"), find(&shared, "one_too_many")));
        });
        let found = waits.recv_timeout(Duration::from_secs(20));
        assert_eq!(found, Ok((true, false)));
    }
}
