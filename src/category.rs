//! Gives each failing request one of nine categories, from the best evidence.
//!
//! A request fails with a status of 400 or above, a gRPC status other than `OK` and `CANCELLED`, a body error, an `Err`, a
//! panic, or a missed gRPC deadline. A client that left is no failure. Each failure has one [`ErrorCategory`], from the
//! first of these that gives one:
//!
//! 1. The handler: [`RequestContext::category`](crate::RequestContext::category), or
//!    [`Failure::category`](crate::Failure::category).
//! 2. The type of the error, or of one of its causes: the [`Rules`] of the application, then the built-in rules.
//! 3. A specific status: any HTTP status but 500 and 503, any gRPC status but `UNKNOWN` and `INTERNAL`.
//! 4. Keywords in the text of the error.
//! 5. `server_error`.
//!
//! A panic is always `server_error`. If the client did not wait for the response, only the status counts.
//!
//! The error is the service's own `Err`, the error of the response's body, or the cause that a handler kept behind its
//! response by [`Failure`](crate::Failure) or [`RequestContext::cause`](crate::RequestContext::cause). With feature `tonic`
//! it is also the `tonic::Status` of a response. A service's error is examined if it is a boxed `dyn Error`, a type with a
//! rule, or a type that the built-in rules know. An error of any other type is `server_error`.
//!
//! # Errors of the application
//!
//! An error enum of the application reaches category, log and Sentry in one of two ways:
//!
//! - It makes its own answers: see [`Failure`](crate::Failure).
//! - Handlers return `Failure` and use a bare `?`. A rule gives the category, and by choice the status:
//!   [`Rules::on_with_status`] for one type, [`Rules::answer`] for a category, [`Rules::answer_client_errors`] for the four
//!   categories that are the client's. Without these, a `Failure` is `500`. No text of an error is ever shown.
//!
//! # When it counts
//!
//! When a failing request has ended: `errors_total{category,endpoint}`. If layers of this kind nest, the outermost counts,
//! and the rules of the innermost are asked first. So a route can have rules of its own. The text of an error is never a
//! label. It is formatted only if keywords are looked for or the request is logged.

use std::sync::Arc;

pub use crate::facts::{category::ErrorCategory, rules::Rules};
use crate::{
    config::ConfigError,
    facts::{
        Facts, evidence::Needs, judge, layer_kinds::LayerKinds, overrides::Overrides,
        route::Endpoint,
    },
    observe::{Engine, ErrorRules, Observer, ObserverContext, layer_methods},
};

/// Gives each failing request a category and counts it.
///
/// See the [module docs](self) for how the category is chosen.
///
/// ```
/// use std::num::ParseIntError;
/// use tower_vitals::{ErrorCategoryLayer, category::{ErrorCategory, Rules}};
///
/// let rules = Rules::new().on::<ParseIntError>(|_| Some(ErrorCategory::Validation));
/// let layer = ErrorCategoryLayer::new().rules(rules)?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ErrorCategoryLayer {
    engine: Arc<Engine<CategoryObserver>>,
}

/// The observer behind [`ErrorCategoryLayer`].
#[derive(Clone, Debug, Default)]
pub(crate) struct CategoryObserver {
    pub(crate) rules: Arc<Rules>,
}

// === impl ErrorCategoryLayer ===

impl ErrorCategoryLayer {
    /// A layer with the built-in rules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// Rules for the application's own errors. They are asked before the built-in rules. Defaults to none.
    ///
    /// # Errors
    ///
    /// If two rules are for one type, or a keyword is empty.
    pub fn rules(mut self, rules: Rules) -> Result<Self, ConfigError> {
        Arc::make_mut(&mut self.engine).observer.rules = Arc::new(rules.checked()?);
        Ok(self)
    }
}

layer_methods!(ErrorCategoryLayer, Examined);

// === impl CategoryObserver ===

impl Observer for CategoryObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::CATEGORY
    }

    fn needs(&self) -> Needs {
        Needs::OWN_RULES.and(Needs::TYPE)
    }

    fn rules(&self, _: &ObserverContext<'_>) -> Option<ErrorRules<'_>> {
        Some(ErrorRules::Own(&self.rules))
    }

    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        if !active.overlaps(self.kinds()) {
            overrides.rare_mut().route_rules = Some(Arc::clone(&self.rules));
        } else if self.rules.answers() {
            overrides.rare_mut().answer_rules = Some(Arc::clone(&self.rules));
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        if let Some(category) = judge::category(facts) {
            let endpoint = Endpoint::name(facts.endpoint.as_ref());
            // A client can fail in many ways, which would leave no room for those of the server.
            let error_type = category.is_of_server().then(|| judge::error_type(facts));
            cx.metrics().failed(endpoint, category, error_type);
        }
    }
}
