//! Takes the changes of a circuit breaker, and tells all who must know.

#[cfg(feature = "circuitbreaker")]
mod adapter;
#[cfg(feature = "health")]
mod check;
mod event;

use crate::metrics::{CircuitState, Metrics};

/// A circuit breaker of the application. See [`circuit`].
#[derive(Clone, Debug)]
pub struct Circuit {
    name: &'static str,
    metrics: Option<Metrics>,
}

/// A handle to the circuit breaker `name`, which takes its changes from any breaker. All handles of one name are one circuit.
///
/// # What a change does
///
/// - The gauges `circuit_breaker_state{name,state}` and `circuit_breaker_open_count` change. They are there from the first report
///   on, or from [`check`](Circuit::check) or [`on_transition`](Circuit::on_transition) on: closed.
/// - One log event of target `tower_vitals` has the fields `circuit`, `from` and `to`: at `WARN` if it opens, else at `INFO`.
/// - If it opens, Sentry gets one error, until it is closed again: a circuit that goes from half open back to open goes on as it
///   was. The errors of one circuit are one issue, and at most ten a minute are sent. They go to the client of the current hub,
///   or to that of the main hub.
/// - Its [`check`](Circuit::check) is degraded unless it is closed.
///
/// A report of the state in which it already is changes nothing.
///
/// ```
/// use tower_vitals::operations::{CircuitState, circuit};
///
/// let groq = circuit("groq");
/// groq.report(CircuitState::Open);
/// assert_eq!(groq.state(), CircuitState::Open);
/// groq.half_opened();
/// groq.closed();
/// ```
#[must_use = "nothing is known before something is reported"]
pub const fn circuit(name: &'static str) -> Circuit {
    Circuit {
        name,
        metrics: None,
    }
}

// === impl Circuit ===

impl Circuit {
    /// Publishes it with these counters. Defaults to those of the process.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Reports in which state it is now. Code of the application's subscriber and of its Sentry client runs on this thread. What
    /// panics there is counted in `vitals_dropped_total`.
    pub fn report(&self, state: CircuitState) {
        let circuits = Metrics::circuits_of(self.metrics.as_ref());
        if let Some(change) = circuits.set(self.name, state) {
            event::tell(self.metrics.as_ref(), self.name, change, state);
        }
    }

    /// Reports that it is open: calls are refused.
    pub fn opened(&self) {
        self.report(CircuitState::Open);
    }

    /// Reports that it is half open: a few calls go through.
    pub fn half_opened(&self) {
        self.report(CircuitState::HalfOpen);
    }

    /// Reports that it is closed: calls go through.
    pub fn closed(&self) {
        self.report(CircuitState::Closed);
    }

    /// The state that was reported last. It is closed before the first report.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        Metrics::circuits_of(self.metrics.as_ref()).state(self.name)
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn counters(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }
}
