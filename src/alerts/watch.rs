//! Evaluates all rules at a moment, and steps their alerts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    alert::Transition,
    checked::CheckedRule,
    engine::Engine,
    evaluate::Evaluator,
    numbers::Numbers,
    part::Part,
    tracked::Tick,
    verdict::{Readings, Verdict},
};
use crate::metrics::alerts::Evaluations;

/// The alerts of a service, with all that they remember.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Arc<[CheckedRule]>,
    /// Held while code of the application runs, which can hang.
    evaluator: Mutex<Evaluator>,
    /// Held for moments only, so that alerts can be shown while rules are evaluated.
    engine: Mutex<Engine>,
}

/// What an evaluation of all rules gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Evaluated {
    pub(crate) transitions: Vec<Transition>,
    pub(crate) evaluations: Evaluations,
    /// How many alerts had no place.
    pub(crate) left_out: u64,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(rules: Arc<[CheckedRule]>) -> Self {
        Self {
            engine: Mutex::new(Engine::new(Arc::clone(&rules))),
            evaluator: Mutex::default(),
            rules,
        }
    }

    pub(crate) fn rules(&self) -> &[CheckedRule] {
        &self.rules
    }

    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evaluates the rules of a part, and says what changed. Code of the application runs in it: it can be slow, and its panics stay here.
    pub(crate) fn evaluate(&self, part: Part, tick: Tick, numbers: &dyn Numbers) -> Evaluated {
        let mut evaluator = self
            .evaluator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = |rule| self.engine().known(rule);
        let readings = evaluator.evaluate(part, &self.rules, numbers, &known);
        let evaluations = readings.evaluations(part, &self.rules);
        let mut engine = self.engine();
        let transitions = engine.step(part, tick, readings);
        Evaluated {
            transitions,
            evaluations,
            left_out: engine.left_out(),
        }
    }
}

// === impl Evaluated ===

impl Evaluated {
    /// Adds what the evaluation of another part gave.
    pub(super) fn add(&mut self, other: Self) {
        self.transitions.extend(other.transitions);
        self.evaluations.add(other.evaluations);
        self.left_out = self.left_out.max(other.left_out);
    }
}

// === impl Readings ===

impl Readings {
    /// How the evaluation of each rule ended. A rule that finds nothing to judge, such as none of many endpoints, succeeded.
    fn evaluations(&self, part: Part, rules: &[CheckedRule]) -> Evaluations {
        // Whether a rule failed, had no data, or has a value.
        let mut found = vec![[false; 3]; rules.len()];
        for reading in &self.all {
            if let Some(found) = found.get_mut(reading.rule) {
                match reading.verdict {
                    Verdict::Error(_) => found[0] = true,
                    Verdict::NoData => found[1] = true,
                    Verdict::Broken(_) | Verdict::Fine(_) | Verdict::Unjudged(_) => found[2] = true,
                }
            }
        }
        let mut evaluations = Evaluations::default();
        let of_part = found.into_iter().zip(rules);
        for (found, _) in of_part.filter(|(_, rule)| part.has(rule)) {
            match found {
                [true, ..] => evaluations.error += 1,
                [false, true, false] => evaluations.no_data += 1,
                _ => evaluations.success += 1,
            }
        }
        evaluations
    }
}
