//! Looks for the error behind a failure, and examines it once.

use std::{any::Any, error::Error};

use http::response;

use super::{ErrorRules, tracker::Tracker};
use crate::facts::{
    category::ErrorCategory,
    evidence::{Evidence, Needs},
    grpc::status_error,
    router,
    rules::Rules,
};

// === impl Tracker ===

impl Tracker {
    /// Examines the error that a handler kept behind its response, if there is one.
    pub(super) fn examine_response(&self, response: &response::Parts) {
        let Some(rules) = self.rules() else {
            return;
        };
        let vague = ErrorCategory::is_vague(response.status);
        if let Some((error, category)) = router::failure(&response.extensions) {
            if let Some(category) = category {
                self.exchange
                    .add(|handler| handler.category = Some(category));
            }
            self.examine(rules, vague, error);
        } else if let Some(error) = self.exchange.cause() {
            self.examine(rules, vague, &*error);
        } else if let Some((error, vague)) = status_error::of(&response.extensions) {
            self.examine(rules, vague, error);
        }
    }

    /// Examines the error of the service or of the body.
    pub(super) fn examine_error(&self, error: Option<&dyn Any>) {
        let (Some(error), Some(rules)) = (error.filter(|_| !self.excluded), self.rules()) else {
            return;
        };
        let by_route = self.exchange.overrides().route_rules;
        let by_route = by_route.as_ref().and_then(|rules| rules.as_error(error));
        if let Some(error) = by_route.or_else(|| rules.as_error(error)) {
            self.examine(rules, true, error);
        }
    }

    /// The rules by which this layer examines, if it does. A layer with rules of its own examines. Any other layer does so
    /// only if no such layer observes the exchange.
    fn rules(&self) -> Option<&Rules> {
        if !self.examines {
            return None;
        }
        match self.engine.observer.rules(&self.context())? {
            ErrorRules::Own(rules) => Some(rules),
            ErrorRules::BuiltIn(rules) => {
                let others = self.exchange.needs().contains(Needs::OWN_RULES);
                (!others).then_some(rules)
            }
        }
    }

    /// Asks the rules of the route, then `rules`. Panics of foreign code stay here.
    fn examine(&self, rules: &Rules, vague: bool, error: &(dyn Error + 'static)) {
        let by_route = self.exchange.overrides().route_rules;
        let mut evidence = Evidence::default();
        for rules in by_route.as_deref().into_iter().chain([rules]) {
            let (found, panics) = rules.examine(error, vague, self.exchange.needs());
            for _ in 0..panics {
                self.context().metrics().hook_failed();
            }
            evidence = evidence.or(found);
        }
        // The cause that the handler kept tells more than the error of a body that fails later.
        self.exchange
            .update(|overrides| _ = overrides.evidence.get_or_insert(evidence));
    }
}
