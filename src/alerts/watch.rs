//! Evaluates all rules at a moment, and steps their alerts.

use std::sync::Arc;

use super::{
    alert::Transition, checked::CheckedRule, engine::Engine, evaluate::Evaluator, numbers::Numbers,
    tracked::Tick,
};

/// The alerts of a service, with all that they remember.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) engine: Engine,
    evaluator: Evaluator,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(rules: Arc<[CheckedRule]>) -> Self {
        Self {
            engine: Engine::new(rules),
            evaluator: Evaluator::default(),
        }
    }

    /// Evaluates all rules, and says what changed. Code of the application runs in it: it can be slow, and its panics stay here.
    pub(crate) fn evaluate(&mut self, tick: Tick, numbers: &dyn Numbers) -> Vec<Transition> {
        let engine = &self.engine;
        let known = |rule| engine.known(rule);
        let readings = self.evaluator.evaluate(engine.rules(), numbers, &known);
        self.engine.step(tick, readings)
    }
}
