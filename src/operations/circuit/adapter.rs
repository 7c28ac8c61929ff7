//! Takes the changes of circuit breakers of `tower-resilience-circuitbreaker`.

use tower_resilience_circuitbreaker as resilience;

use super::Circuit;
use crate::metrics::{CircuitState, Metrics};

// === impl Circuit ===

impl Circuit {
    /// Takes the changes of a circuit breaker of `tower-resilience-circuitbreaker`.
    ///
    /// Its layer gives each service that it makes a breaker of its own. Make one service and clone it, or make the layer with
    /// `build_with_handle`: else several breakers report as one circuit.
    ///
    /// ```
    /// use tower_layer::Layer;
    /// use tower_resilience_circuitbreaker::CircuitBreakerLayer;
    /// use tower_vitals::operations::{OutboundLayer, circuit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = ();
    /// let breaker = CircuitBreakerLayer::builder()
    ///     .name("groq")
    ///     .on_state_transition(circuit("groq").on_transition())
    ///     .build()?;
    /// // Inside of the breaker, so that a call that it refuses is none.
    /// let client = OutboundLayer::new("groq").layer(client);
    /// let client = breaker.layer(client);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "circuitbreaker")))]
    pub fn on_transition(
        &self,
    ) -> impl Fn(resilience::CircuitState, resilience::CircuitState) + Send + Sync + 'static + use<>
    {
        Metrics::circuits_of(self.counters()).know(self.name());
        let circuit = self.clone();
        move |_, to| circuit.report(to.into())
    }
}

// === impl CircuitState ===

#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "circuitbreaker")))]
impl From<resilience::CircuitState> for CircuitState {
    fn from(state: resilience::CircuitState) -> Self {
        match state {
            resilience::CircuitState::Closed => Self::Closed,
            resilience::CircuitState::Open => Self::Open,
            resilience::CircuitState::HalfOpen => Self::HalfOpen,
        }
    }
}
