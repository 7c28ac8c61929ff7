//! Finds the error behind a failure, and collects the evidence that it gives.

use std::{any::Any, error::Error, sync::Arc};

use http::response;

use super::{ErrorRules, tracker::Tracker};
use crate::facts::{
    category::ErrorCategory,
    evidence::{Evidence, Needs},
    grpc::status_error,
    marks::Mark,
    router,
    rules::Rules,
};

// === impl Tracker ===

impl Tracker {
    /// Examines the error behind a response, if there is one: that of a `Failure`, else the cause that the handler set, else
    /// the `tonic::Status`.
    pub(super) fn examine_response(&self, response: &response::Parts) {
        // Most responses come with nothing to examine.
        if response.extensions.is_empty() && !self.exchange.marks().has(Mark::HandlerAdded) {
            return;
        }
        let Some(rules) = self.rules() else {
            return;
        };
        let generic = ErrorCategory::is_generic(response.status);
        if let Some((error, category)) = router::failure(&response.extensions) {
            if let Some(category) = category {
                self.exchange
                    .add(|handler| handler.category = Some(category));
            }
            self.examine(rules, generic, error);
        } else if let Some(error) = self.exchange.cause() {
            self.examine(rules, generic, &*error);
        } else if let Some((error, generic)) = status_error::of(&response.extensions) {
            self.examine(rules, generic, error);
        }
    }

    /// Examines an `Err` of the inner service or of the body.
    pub(super) fn examine_error(&self, error: Option<&dyn Any>) {
        let (Some(error), Some(rules)) = (error.filter(|_| !self.excluded), self.rules()) else {
            return;
        };
        let route_rules = self.route_rules();
        let by_route = route_rules.as_ref();
        let by_route = by_route.and_then(|rules| rules.as_error(error));
        if let Some(error) = by_route.or_else(|| rules.as_error(error)) {
            self.examine(rules, true, error);
        }
    }

    /// The rules of this layer, if it examines errors. A layer with built-in rules leaves that to a layer with rules of its
    /// own, if there is one around the request.
    fn rules(&self) -> Option<&Rules> {
        if !self.engine.observer.needs().of_error() {
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

    fn route_rules(&self) -> Option<Arc<Rules>> {
        self.exchange
            .read(|overrides| overrides.rare().route_rules.clone())
    }

    /// Asks the rules of the route, then `rules`. Panics of the application's code are caught and counted.
    fn examine(&self, rules: &Rules, generic: bool, error: &(dyn Error + 'static)) {
        let route_rules = self.route_rules();
        let is_malformed = self.exchange.marks().has(Mark::BodyMalformed);
        let mut evidence = Evidence::default();
        for rules in route_rules.as_deref().into_iter().chain([rules]) {
            let (found, panics) =
                rules.examine(error, generic, is_malformed, self.exchange.needs());
            for _ in 0..panics {
                self.context().metrics().hook_failed();
            }
            evidence = evidence.or(found);
        }
        // The first evidence stays: the cause that the handler kept is more specific than the error of a body that fails
        // later.
        self.exchange.update(|overrides| {
            _ = overrides
                .rare_mut()
                .evidence
                .get_or_insert_with(|| Box::new(evidence))
        });
    }
}
