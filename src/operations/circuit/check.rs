//! Shows a circuit breaker as a health check.

use std::sync::Arc;

use super::Circuit;
use crate::{
    health::{Check, Role, Source},
    metrics::{CircuitState, Metrics},
};

// === impl Circuit ===

impl Circuit {
    /// A check of this circuit, with its name: degraded while it is open or half open, else healthy. It shows a change at once,
    /// is never asked, and has no event of its own, since the circuit has one.
    ///
    /// Its role is [`Role::Optional`]. A circuit that is open makes no service unready: not even with [`Role::Critical`]. The name
    /// must be one that [`Check::new`] takes.
    ///
    /// ```
    /// use tower_vitals::{health::{Health, Status}, operations::circuit};
    ///
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let groq = circuit("groq");
    /// let health = Health::builder().check(groq.check()).start()?;
    /// groq.opened();
    /// assert_eq!(health.status(), Status::Degraded);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    #[must_use]
    pub fn check(&self) -> Check {
        Metrics::circuits_of(self.counters()).know(self.name());
        Check::of_source(self.name(), Arc::new(self.clone())).role(Role::Optional)
    }
}

impl Source for Circuit {
    fn limit(&self) -> Option<&'static str> {
        match self.state() {
            CircuitState::Closed => None,
            CircuitState::Open => Some("open"),
            CircuitState::HalfOpen => Some("half open"),
        }
    }

    fn watch(&self, changed: Box<dyn Fn() -> bool + Send + Sync>) {
        let circuits = Metrics::circuits_of(self.counters());
        circuits.watch(self.name(), Arc::from(changed));
    }
}
