//! Keeps the state of each circuit breaker.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Metrics;

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

/// The states by the name of the circuit breaker.
#[derive(Debug, Default)]
pub(super) struct Circuits(Mutex<BTreeMap<&'static str, CircuitState>>);

// === impl CircuitState ===

impl CircuitState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The value of the metric label: `closed`, `open` or `half_open`.
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
    pub(super) fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, CircuitState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Metrics ===

impl Metrics {
    /// The states of all circuit breakers at this moment.
    #[cfg(feature = "statistics")]
    pub(crate) fn circuits(&self) -> BTreeMap<&'static str, CircuitState> {
        // A copy: nobody waits for this lock.
        self.inner.circuits.all().clone()
    }

    /// Notes the state of a circuit breaker. Returns the state that it had, if it was known.
    pub(crate) fn set_circuit(
        &self,
        name: &'static str,
        state: CircuitState,
    ) -> Option<CircuitState> {
        self.inner.circuits.all().insert(name, state)
    }
}

#[cfg(test)]
mod tests;
