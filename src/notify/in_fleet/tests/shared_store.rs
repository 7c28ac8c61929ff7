//! Stands in for Redis, in the process: a store with a clock of its own, which can be out of reach.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use super::given::Given;
use crate::alerts::{Begun, Held, Numbers, Shared, Unreached, Written};

/// What all instances share.
#[derive(Default)]
pub(super) struct Store {
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) lease: Option<(u64, Duration)>,
    fence: u64,
    pub(super) document: Option<String>,
    pub(super) silences: BTreeMap<u64, String>,
    last_id: Option<u64>,
    notes: BTreeMap<String, String>,
    /// Whether requests of the fleet fail.
    pub(super) is_failing: bool,
}

/// The way of one instance to a store.
pub(super) struct Wire {
    holder: u64,
    /// In milliseconds since 1970.
    now: Arc<AtomicU64>,
    /// `None` while Redis is out of reach.
    pub(super) store: Mutex<Option<Arc<Store>>>,
    /// Redis takes no writes.
    pub(super) refuses_writes: AtomicBool,
    /// It takes no notes.
    pub(super) refuses_notes: AtomicBool,
    /// What happens while the instance is frozen before its next write.
    pub(super) frozen: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

// === impl Store ===

impl Store {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Redis is restarted, and has nothing.
    pub(super) fn lose_all(&self) {
        let mut state = self.lock();
        let is_failing = state.is_failing;
        *state = State {
            is_failing,
            ..State::default()
        };
    }
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(holder: u64, now: &Arc<AtomicU64>, store: &Arc<Store>) -> Self {
        Self {
            holder,
            now: Arc::clone(now),
            store: Mutex::new(Some(Arc::clone(store))),
            refuses_writes: AtomicBool::new(false),
            refuses_notes: AtomicBool::new(false),
            frozen: Mutex::new(None),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now.load(SeqCst))
    }

    fn reached(&self) -> Result<Arc<Store>, Unreached> {
        self.store.lock().unwrap().clone().ok_or(Unreached)
    }
}

impl Shared for Arc<Wire> {
    fn hold(&self, length: Duration) -> Result<Held, Unreached> {
        let store = self.reached()?;
        let (now, mut state) = (self.now(), store.lock());
        let holder = state.lease.filter(|(_, until)| *until > now);
        match holder {
            Some((holder, _)) if holder != self.holder => return Ok(Held { now, fence: None }),
            Some(_) => {}
            None => state.fence += 1,
        }
        state.lease = Some((self.holder, now + length));
        Ok(Held {
            now,
            fence: Some(state.fence),
        })
    }

    fn begin(&self, length: Duration) -> Result<Begun, Unreached> {
        let held = self.hold(length)?;
        let store = self.reached()?;
        let state = store.lock();
        let silences = state.silences.clone().into_iter();
        Ok(Begun {
            held,
            document: state.document.clone(),
            silences: state.last_id.map(|_| silences.collect()),
            notes: state.notes.clone().into_iter().collect(),
        })
    }

    fn write(&self, fence: u64, written: &Written<'_>) -> Result<bool, Unreached> {
        if let Some(frozen) = self.frozen.lock().unwrap().take() {
            frozen();
        }
        if self.refuses_writes.load(SeqCst) {
            return Err(Unreached);
        }
        let store = self.reached()?;
        let (now, mut state) = (self.now(), store.lock());
        let holds = state
            .lease
            .is_some_and(|(holder, until)| holder == self.holder && until > now);
        if !holds || state.fence != fence {
            return Ok(false);
        }
        state.document = Some(written.document.to_owned());
        for one in written.noted {
            state.notes.remove(one);
        }
        for one in written.ended {
            state.silences.remove(one);
        }
        Ok(true)
    }

    fn put_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached> {
        let store = self.reached()?;
        let mut state = store.lock();
        state.last_id.get_or_insert(0);
        for (id, json) in silences {
            state.silences.entry(*id).or_insert_with(|| json.clone());
        }
        Ok(())
    }

    fn restore_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached> {
        let knows = self.reached()?.lock().last_id.is_some();
        if knows {
            return Ok(());
        }
        self.put_silences(silences)
    }

    fn silence(&self, silence: &str, above: u64) -> Result<u64, Unreached> {
        let store = self.reached()?;
        let mut state = store.lock();
        let id = state.last_id.unwrap_or(0).max(above) + 1;
        state.last_id = Some(id);
        state.silences.insert(id, silence.to_owned());
        Ok(id)
    }

    fn end_silence(&self, id: u64) -> Result<bool, Unreached> {
        Ok(self.reached()?.lock().silences.remove(&id).is_some())
    }

    fn note(&self, name: &str, note: &str) -> Result<(), Unreached> {
        if self.refuses_notes.load(SeqCst) {
            return Err(Unreached);
        }
        let store = self.reached()?;
        let mut state = store.lock();
        let note = note.to_owned();
        state.notes.entry(name.to_owned()).or_insert(note);
        Ok(())
    }

    fn numbers(&self, judge: &mut dyn FnMut(&dyn Numbers)) -> Result<(), Unreached> {
        let is_failing = self.reached()?.lock().is_failing;
        judge(&Given::new(self.now(), is_failing, 0));
        Ok(())
    }
}
