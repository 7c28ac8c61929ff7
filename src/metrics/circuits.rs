//! Keeps the state of each circuit breaker.

use std::{
    collections::BTreeMap,
    fmt, mem,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use super::Metrics;

/// Is called after each change, and at other times. It returns `false` if it need not be called again.
pub(crate) type Watcher = dyn Fn() -> bool + Send + Sync;

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "statistics", derive(serde::Serialize))]
#[cfg_attr(feature = "statistics", serde(rename_all = "snake_case"))]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls go through, to see whether the service is back.
    HalfOpen,
}

/// The circuit breakers by their names.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<BTreeMap<&'static str, Known>>);

/// A change of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: CircuitState,
    /// It opened, for the first time since it was closed.
    pub(crate) is_incident: bool,
}

/// A circuit breaker.
struct Known {
    state: CircuitState,
    /// It opened, and was not closed since.
    in_incident: bool,
    watchers: Vec<Arc<Watcher>>,
}

// === impl CircuitState ===

impl CircuitState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The value of the metric label and of the log field: `closed`, `open` or `half_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

// === impl Circuits ===

impl Circuits {
    /// The state of each.
    pub(super) fn all(&self) -> BTreeMap<&'static str, CircuitState> {
        let all = self.lock();
        all.iter().map(|(name, it)| (*name, it.state)).collect()
    }

    /// The state of one. It is closed until somebody says otherwise.
    pub(crate) fn state(&self, name: &str) -> CircuitState {
        let known = self.lock().get(name).map(|known| known.state);
        known.unwrap_or(CircuitState::Closed)
    }

    /// Publishes one from now on: closed, unless its state is known.
    pub(crate) fn know(&self, name: &'static str) {
        self.lock().entry(name).or_default();
    }

    /// Notes the state of one, and calls its watchers if that is a change, which it returns.
    pub(crate) fn set(&self, name: &'static str, state: CircuitState) -> Option<Change> {
        let (change, watchers) = {
            let mut all = self.lock();
            let known = all.entry(name).or_default();
            let change = known.change(state)?;
            (change, known.watchers.clone())
        };
        self.call(name, &watchers);
        Some(change)
    }

    /// Calls `watcher` after each change of one.
    pub(crate) fn watch(&self, name: &'static str, watcher: Arc<Watcher>) {
        let others = {
            let mut all = self.lock();
            let watchers = &mut all.entry(name).or_default().watchers;
            let others = watchers.clone();
            watchers.push(watcher);
            others
        };
        // Of a circuit that never changes, those that are gone would stay.
        self.call(name, &others);
    }

    /// Calls watchers of one, and forgets those that need not be called again. Without the lock, since they read the state.
    fn call(&self, name: &str, watchers: &[Arc<Watcher>]) {
        let is_gone = |watcher: &&Arc<Watcher>| !watcher();
        let gone: Vec<_> = watchers.iter().filter(is_gone).collect();
        if !gone.is_empty()
            && let Some(known) = self.lock().get_mut(name)
        {
            let is_kept = |it: &Arc<Watcher>| !gone.iter().any(|gone| Arc::ptr_eq(gone, it));
            known.watchers.retain(is_kept);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Known ===

impl Known {
    /// Notes its state. `None` if that is no change.
    fn change(&mut self, state: CircuitState) -> Option<Change> {
        let before = mem::replace(&mut self.state, state);
        if before == state {
            return None;
        }
        // While it is half open, the incident goes on.
        let in_incident = match state {
            CircuitState::Closed => false,
            CircuitState::Open => true,
            CircuitState::HalfOpen => self.in_incident,
        };
        let was_in_incident = mem::replace(&mut self.in_incident, in_incident);
        Some(Change {
            before,
            is_incident: in_incident && !was_in_incident,
        })
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            state: CircuitState::Closed,
            in_incident: false,
            watchers: Vec::new(),
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

// === impl Metrics ===

impl Metrics {
    /// The states of all circuit breakers at this moment.
    #[cfg(feature = "statistics")]
    pub(crate) fn circuits(&self) -> BTreeMap<&'static str, CircuitState> {
        Self::circuits_of(Some(self)).all()
    }

    /// The circuit breakers of these counters, or of the process. Those of the process are there before its counters: a breaker
    /// that is made first does not fix the settings of these.
    pub(crate) fn circuits_of(metrics: Option<&Self>) -> &Circuits {
        static OF_PROCESS: LazyLock<Circuits> = LazyLock::new(Circuits::default);
        match metrics {
            Some(metrics) if !metrics.is_global() => &metrics.inner.circuits,
            _ => &OF_PROCESS,
        }
    }
}

#[cfg(test)]
mod tests;
