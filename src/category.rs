//! Says what went wrong, in one of nine words, from the best evidence there is.
//!
//! Every failing request (an answer from status 400 on, a gRPC status other than `OK` and `CANCELLED`, a broken body, an
//! error, a panic, a missed gRPC deadline) has one [`ErrorCategory`]. A client that left is no error. In this order:
//!
//! 1. What the handler said: [`RequestContext::category`](crate::RequestContext::category), or
//!    [`Failure::category`](crate::Failure::category).
//! 2. The type of the error, looked for through the whole chain of causes: your own [`Rules`], then ready-made ones.
//! 3. A specific status: any but HTTP 500 and 503, gRPC `UNKNOWN` and `INTERNAL`.
//! 4. Words in the error's text, where nothing above spoke.
//! 5. `server_error`.
//!
//! A panic is always `server_error`. Of a response that the client did not wait for, only the status counts.
//!
//! Where the error comes from: the service's own `Err`, the error of a response's body, and the cause that a handler keeps
//! behind its answer with [`Failure`](crate::Failure) or [`RequestContext::cause`](crate::RequestContext::cause); with feature
//! `tonic` also the `tonic::Status` of an answer. A service's error is looked into if it is a boxed `dyn Error`, a type with
//! a rule, or one of the ready-made; any other concrete type is `server_error`, for nothing is known of it.
//!
//! # When it speaks
//!
//! When a failing request has ended: `errors_total{category,endpoint}`. Where layers of this kind nest, the outermost counts,
//! and asks the rules of the innermost first: so a route has its own. Error texts are never labels, and no error is
//! formatted unless words are looked for or the request is logged.

use std::{any::Any, error::Error, sync::Arc};

use http::{StatusCode, response};
use tower_layer::Layer;

#[cfg(feature = "axum")]
use crate::facts::failure::Cause;
pub use crate::facts::rules::Rules;
use crate::{
    config::ConfigError,
    exchange::{Exchange, LayerKinds, Outcome, Overrides},
    exclude::Patterns,
    facts::{chain, grpc::Code},
    metrics::Metrics,
    observe::{Engine, Examined, Facts, Observed, Observer},
};

/// What kind of failure it was.
///
/// The nine are complete: a tenth would change every dashboard that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCategory {
    /// The client did not say who it is, or may not do this.
    Authentication,
    /// The request makes no sense.
    Validation,
    /// What was asked for is not there.
    NotFound,
    /// The request contradicts the state of things.
    Conflict,
    /// Our own fault, and nothing better is known.
    ServerError,
    /// A service that we call failed.
    ExternalService,
    /// A database failed.
    Database,
    /// Something took too long.
    Timeout,
    /// The client asks too often.
    RateLimit,
}

/// Gives each failing request a category and counts it.
///
/// See the [module docs](self) for how it decides.
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
    /// Where failures are counted; in the process's counters if none are named.
    pub(crate) metrics: Option<Metrics>,
}

/// What an error said for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// By its type, or that of one of its causes.
    pub(crate) by_type: Option<ErrorCategory>,
    /// By its words.
    pub(crate) by_words: Option<ErrorCategory>,
    /// The error and its causes, for the log.
    pub(crate) text: Option<Arc<str>>,
    /// The same one by one, outermost first, for Sentry.
    #[cfg(feature = "sentry")]
    pub(crate) chain: Vec<Link>,
}

/// One error in a chain of causes.
#[cfg(feature = "sentry")]
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// What its type is called, as far as its `Debug` tells.
    pub(crate) kind: String,
    pub(crate) text: Arc<str>,
}

/// What is asked of an error, beside its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) words: bool,
    pub(crate) text: bool,
    #[cfg(feature = "sentry")]
    pub(crate) chain: bool,
}

// === impl ErrorCategory ===

impl ErrorCategory {
    /// Every category.
    pub const ALL: [Self; 9] = [
        Self::Authentication,
        Self::Validation,
        Self::NotFound,
        Self::Conflict,
        Self::ServerError,
        Self::ExternalService,
        Self::Database,
        Self::Timeout,
        Self::RateLimit,
    ];

    /// The word used as a metric label and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::ServerError => "server_error",
            Self::ExternalService => "external_service",
            Self::Database => "database",
            Self::Timeout => "timeout",
            Self::RateLimit => "rate_limit",
        }
    }

    /// What an HTTP status says by itself; below 400 and from 600 on it says nothing.
    #[must_use]
    pub const fn of_status(status: StatusCode) -> Option<Self> {
        Some(match status.as_u16() {
            401 | 403 | 407 | 511 => Self::Authentication,
            404 | 410 => Self::NotFound,
            409 | 412 | 423 => Self::Conflict,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimit,
            400..=499 => Self::Validation,
            502 => Self::ExternalService,
            500..=599 => Self::ServerError,
            _ => return None,
        })
    }

    /// What a gRPC status says by itself; `OK` and `CANCELLED` say nothing.
    const fn of_code(code: Code) -> Option<Self> {
        Some(match code.number() {
            7 | 16 => Self::Authentication,
            3 | 9 | 11 => Self::Validation,
            5 => Self::NotFound,
            6 | 10 => Self::Conflict,
            14 => Self::ExternalService,
            4 => Self::Timeout,
            8 => Self::RateLimit,
            0 | 1 => return None,
            _ => Self::ServerError,
        })
    }
}

// === impl Evidence ===

impl Evidence {
    /// What is known here, and else what is known there.
    fn or(self, other: Self) -> Self {
        Self {
            by_type: self.by_type.or(other.by_type),
            by_words: self.by_words.or(other.by_words),
            text: self.text.or(other.text),
            #[cfg(feature = "sentry")]
            chain: if self.chain.is_empty() {
                other.chain
            } else {
                self.chain
            },
        }
    }
}

// === impl ErrorCategoryLayer ===

impl ErrorCategoryLayer {
    /// A layer with the ready-made rules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// Rules for the application's own errors, asked before the ready-made ones. Defaults to none.
    ///
    /// # Errors
    ///
    /// When two rules are about one type.
    pub fn rules(mut self, rules: Rules) -> Result<Self, ConfigError> {
        Arc::make_mut(&mut self.engine).observer.rules = Arc::new(rules.checked()?);
        Ok(self)
    }

    /// Where failures are counted. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.metrics = Some(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }
}

impl Default for ErrorCategoryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ErrorCategoryLayer {
    type Service = Observed<S, Examined>;

    fn layer(&self, inner: S) -> Observed<S, Examined> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl Categories ===

impl CategoryObserver {
    fn metrics(&self) -> &Metrics {
        Metrics::or_global(self.metrics.as_ref())
    }

    /// Examines an error once, while it can be seen; whatever its own code does stays here.
    fn examine(&self, exchange: &Exchange, vague: bool, error: &(dyn Error + 'static)) {
        let wanted = Wanted {
            words: vague,
            text: exchange.is_claimed(LayerKinds::LOG),
            #[cfg(feature = "sentry")]
            chain: exchange.is_claimed(LayerKinds::SENTRY),
        };
        let overrides = exchange.overrides().rules;
        let all = overrides.iter().chain([&self.rules]);
        let mut evidence = Evidence::default();
        for rules in all {
            let (found, failures) = rules.examine(error, wanted);
            for _ in 0..failures {
                self.metrics().hook_failed();
            }
            evidence = evidence.or(found);
        }
        // The cause that the handler kept is nearer than the error of a body that broke later.
        exchange.update(|overrides| _ = overrides.evidence.get_or_insert(evidence));
    }
}

impl Observer for CategoryObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::CATEGORY
    }

    /// A route's own rules are asked by whoever speaks.
    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        if !active.overlaps(self.kinds()) {
            overrides.rules = Some(Arc::clone(&self.rules));
        }
    }

    fn head(&self, _: LayerKinds, exchange: &Arc<Exchange>, response: &mut response::Parts) {
        let vague = is_vague(response.status);
        #[cfg(feature = "axum")]
        if let Some(Cause { error, category }) = response.extensions.get() {
            if let Some(category) = *category {
                exchange.add(|handler| handler.category = Some(category));
            }
            return self.examine(exchange, vague, &**error);
        }
        if let Some(cause) = exchange.cause() {
            return self.examine(exchange, vague, &*cause);
        }
        #[cfg(feature = "tonic")]
        if let Some(status) = response.extensions.get::<tonic::Status>() {
            let code = status.code();
            let vague = matches!(code, tonic::Code::Unknown | tonic::Code::Internal);
            self.examine(exchange, vague, status);
        }
    }

    fn error(&self, _: LayerKinds, exchange: &Arc<Exchange>, error: &dyn Any) {
        let overrides = exchange.overrides().rules;
        let by_override = overrides.as_ref().and_then(|rules| rules.as_error(error));
        if let Some(error) = by_override.or_else(|| self.rules.as_error(error)) {
            self.examine(exchange, true, error);
        }
    }

    fn end(&self, _: LayerKinds, _: &Arc<Exchange>, facts: &Facts) {
        if let Some(category) = judge(facts) {
            self.metrics().failed(facts, category);
        }
    }
}

/// The texts of an error and its causes.
#[cfg(feature = "health")]
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    chain::text(error).to_string()
}

/// Statuses that a server gives when it does not know better.
const fn is_vague(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 503)
}

/// The category of a request that failed.
pub(crate) fn judge(facts: &Facts) -> Option<ErrorCategory> {
    use ErrorCategory::{NotFound, ServerError, Timeout};
    let evidence = facts.evidence.as_ref();
    let by_type = || facts.handler_category().or_else(|| evidence?.by_type);
    let by_words = || evidence?.by_words;
    let status = match (&facts.grpc, facts.status) {
        (Some(grpc), _) => match ErrorCategory::of_code(grpc.code) {
            Some(_) if grpc.code == Code::UNIMPLEMENTED && grpc.method.is_none() => Some(NotFound),
            by_code => by_code,
        },
        (None, Some(status)) => ErrorCategory::of_status(status),
        (None, None) => None,
    };
    let vague = match (&facts.grpc, facts.status) {
        (Some(grpc), _) => matches!(grpc.code, Code::UNKNOWN | Code::INTERNAL),
        (None, status) => status.is_none_or(is_vague),
    };
    match facts.outcome {
        Outcome::Cancelled if facts.missed_deadline() => Some(Timeout),
        Outcome::Cancelled => None,
        Outcome::Aborted => status,
        Outcome::Panicked => Some(ServerError),
        Outcome::Error | Outcome::BodyError => {
            Some(by_type().or_else(by_words).unwrap_or(ServerError))
        }
        Outcome::Completed => {
            let status = status?;
            let specific = (!vague).then_some(status);
            let words = || by_words().or(Some(status));
            by_type().or(specific).or_else(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_category_of_the_closed_set_or_none() {
        use ErrorCategory::*;
        for (code, category) in [
            (100, None),
            (199, None),
            (226, None),
            (299, None),
            (399, None),
            (400, Some(Validation)),
            (401, Some(Authentication)),
            (403, Some(Authentication)),
            (404, Some(NotFound)),
            (408, Some(Timeout)),
            (409, Some(Conflict)),
            (418, Some(Validation)),
            (422, Some(Validation)),
            (429, Some(RateLimit)),
            (451, Some(Validation)),
            (499, Some(Validation)),
            (500, Some(ServerError)),
            (502, Some(ExternalService)),
            (503, Some(ServerError)),
            (504, Some(Timeout)),
            (511, Some(Authentication)),
            (599, Some(ServerError)),
            (999, None),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(ErrorCategory::of_status(status), category, "{code}");
        }
    }
}
