//! Writes one event for each request.
//!
//! # When it writes
//!
//! Once, when the request has ended, through `tracing` with target `tower_vitals`. The level is `ERROR` if the server failed:
//! 5xx, a gRPC status that is a server's, an `Err`, a panic or a missed deadline. It is `WARN` if the request was so slow that
//! its severity is `warning` or `critical`, and else `INFO`, also for a cancelled request. A request on an excluded path has
//! an event only if it panicked or failed: at `ERROR`. A layer can choose [levels](AccessLogLayer::level), write a
//! [sample](AccessLogLayer::sample), or write [nothing](AccessLogLayer::enabled).
//!
//! | field | |
//! | --- | --- |
//! | `request_id` | the request's id, if there is a [`RequestIdLayer`](crate::RequestIdLayer) around this layer |
//! | `trace_id`, `span_id` | the request's place in its [trace](crate::trace_context), if it has one |
//! | `method`, `endpoint`, `status`, `outcome`, `severity` | as in the metrics; a cancelled request has no `severity` |
//! | `path` | the path as received, without its query, escaped to printable characters and cut at 256 bytes |
//! | `head_ms` | milliseconds to the head of the response, or to the end of a request without one |
//! | `wait_ms` | how many of them the service waited for the client to send the request's body, if it waited |
//! | `total_ms` | milliseconds to the end of the response |
//! | `bytes` | bytes of the response's body, without framing |
//! | `request_bytes` | bytes of the request's body that the service read, if it read any and a layer [follows](crate::timing#sizes) the body |
//! | `length_mismatch` | `true` if the body did not have the length that its head declared |
//! | `grpc_status` | the status number of a gRPC call |
//! | `category` | the [category](crate::category) of a failure |
//! | `external_service` | the other service that made the request fail, as its [calls](crate::operations::OutboundLayer) name it |
//! | `cause` | the error behind a failure and its causes, if a layer examined it; at most 1,024 bytes |
//! | `user_id`, `tenant_id`, `tags` | what the handler added by [`RequestContext`](crate::RequestContext); tags as `key=value key=value` |
//! | `client_address` | by choice: the [address of the client](ClientAddress), without a port |
//! | `user_agent` | by choice: the header, escaped as the path is and cut at 256 bytes |
//! | `http_version` | by choice: `1.0`, `1.1`, `2` or `3` |
//! | `query` | by choice: the query without secrets, escaped as the path is and cut at 512 bytes |
//! | `sample_share` | the share of such requests that are written, if a sample is: each stands for `1 / sample_share` |
//!
//! The event's parent is the span in which the request ran, if there was one, however the request ended. The span stays open
//! until the event is written.
//!
//! Text from a client is always a string value and never part of the message, so no client can add a line to the log. If a
//! subscriber panics, or logs from within itself, the event is lost and counted in `vitals_dropped_total{sink="log"}`.
//!
//! # On a route
//!
//! If layers of this kind nest, the outermost writes, with its fields. [`level`](AccessLogLayer::level),
//! [`sample`](AccessLogLayer::sample) and [`enabled`](AccessLogLayer::enabled) of an inner layer override those of the outer
//! one, each by itself. So a route has its own settings if it has its own layer:
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_vitals::{AccessLogLayer, Vitals};
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! let rarely = AccessLogLayer::new().sample(|_| 0.01);
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(|| async { "an order" }))
//!     .route("/poll", get(|| async { "nothing" }).layer(rarely))
//!     .layer(vitals.layer());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```

mod client_address;
mod fields;
#[cfg_attr(not(feature = "scrub"), path = "access_log/query/off.rs")]
mod query;

use std::{borrow::Cow, sync::Arc};

use tracing::{Level, Span};

pub use self::client_address::{ClientAddress, PeerAddress};
use self::fields::{ChosenFields, Extra};
#[cfg(feature = "scrub")]
use self::query::Query;
pub use crate::facts::ended::Ended;

#[cfg(feature = "scrub")]
use crate::{config::ConfigError, scrub::Scrubbing};
use crate::{
    emit,
    facts::{
        Facts,
        category::ErrorCategory,
        ended::default_level,
        evidence::Needs,
        exchange::{Exchange, Outcome, Start},
        handler_context::HandlerContext,
        judge,
        labels::StatusLabel,
        layer_kinds::LayerKinds,
        log_policy::{LogPolicy, Rule, Verdict},
        overrides::Overrides,
        route::Endpoint,
        severity::Severity,
        trace_context::TraceContext,
    },
    observe::{Engine, Observer, ObserverContext, RequestHead, StartContext, layer_methods},
    text::{millis, printable_path},
};

/// Writes one event for each request.
///
/// See the [module docs](self) for its fields.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_vitals::{AccessLogLayer, RequestIdLayer, exclude::Patterns};
///
/// let app: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "an order" }))
///     .layer(AccessLogLayer::new().exclude(Patterns::new(["/static/"])?))
///     // Further out, so that the event has the id.
///     .layer(RequestIdLayer::new());
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AccessLogLayer {
    engine: Arc<Engine<AccessLogObserver>>,
}

/// The observer behind [`AccessLogLayer`].
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLogObserver {
    /// `None` if nothing is set.
    policy: Option<Arc<LogPolicy>>,
    /// `None` if no field is chosen.
    fields: Option<Arc<ChosenFields>>,
}

// === impl AccessLogLayer ===

impl AccessLogLayer {
    /// A layer that writes to the application's `tracing` subscriber.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// Whether there are events. Defaults to `true`. With `false` also a failure has none; it is still counted and reported.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.policy().enabled = Some(enabled);
        self
    }

    /// The level of the event of a request. Defaults to [`Ended::default_level`], as it is if `rule` panics, which increments
    /// `vitals_hook_failures_total`.
    ///
    /// ```
    /// use tower_vitals::AccessLogLayer;
    /// use tracing::Level;
    ///
    /// let layer = AccessLogLayer::new().level(|ended| {
    ///     match (ended.endpoint(), ended.status()) {
    ///         ("/poll", 200) => Level::DEBUG,
    ///         (_, 401 | 403) => Level::WARN,
    ///         _ => ended.default_level(),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn level(mut self, rule: impl Fn(&Ended<'_>) -> Level + Send + Sync + 'static) -> Self {
        self.policy().level = Some(Rule::new(rule));
        self
    }

    /// The share of such requests that have an event, from 0 to 1. Defaults to 1, as it is if `rule` panics, which increments
    /// `vitals_hook_failures_total`.
    ///
    /// The event of a failure is always written: whatever `rule` says, the share is 1 for severity `critical` and for a status
    /// from 500. The id of the [trace](crate::trace_context) decides, if there is one, else the request id. So services with the
    /// same share write the same requests, and a larger share writes all that a smaller one does. Without an id, chance decides.
    /// Metrics and Sentry see every request.
    ///
    /// ```
    /// use tower_vitals::AccessLogLayer;
    ///
    /// let layer = AccessLogLayer::new().sample(|ended| match ended.status() {
    ///     200..300 => 0.05,
    ///     _ => 1.0,
    /// });
    /// ```
    #[must_use]
    pub fn sample(mut self, rule: impl Fn(&Ended<'_>) -> f64 + Send + Sync + 'static) -> Self {
        self.policy().sample = Some(Rule::new(rule));
        self
    }

    /// Adds `client_address`. It is personal data in many countries, so it is in no event by default.
    #[must_use]
    pub fn client_address(mut self, address: ClientAddress) -> Self {
        self.fields().client = Some(address);
        self
    }

    /// Adds `user_agent`.
    #[must_use]
    pub fn user_agent(mut self) -> Self {
        self.fields().user_agent = true;
        self
    }

    /// Adds `http_version`.
    #[must_use]
    pub fn http_version(mut self) -> Self {
        self.fields().version = true;
        self
    }

    /// Adds `query`. Every value that has the name or the form of a secret is filtered, as `scrubbing` says. With
    /// [`Scrubbing::health_data`](crate::scrub::Scrubbing::health_data) there is no query. If a rule of `scrubbing` panics, the
    /// event is lost and counted.
    ///
    /// ```
    /// use tower_vitals::{AccessLogLayer, scrub::Scrubbing};
    ///
    /// let layer = AccessLogLayer::new().query(Scrubbing::new().key("tax_number"))?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a key of `scrubbing` is empty.
    #[cfg(feature = "scrub")]
    pub fn query(mut self, scrubbing: Scrubbing) -> Result<Self, ConfigError> {
        self.fields().query = Some(Arc::new(Query::new(scrubbing)?));
        Ok(self)
    }

    /// The observer of this layer, for a stack.
    pub(crate) fn observer(&self) -> AccessLogObserver {
        self.engine.observer.clone()
    }

    fn policy(&mut self) -> &mut LogPolicy {
        let observer = &mut Arc::make_mut(&mut self.engine).observer;
        Arc::make_mut(observer.policy.get_or_insert_default())
    }

    fn fields(&mut self) -> &mut ChosenFields {
        let observer = &mut Arc::make_mut(&mut self.engine).observer;
        Arc::make_mut(observer.fields.get_or_insert_default())
    }
}

layer_methods!(AccessLogLayer, Unexamined);

// === impl AccessLogObserver ===

impl AccessLogObserver {
    fn log(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        let fields = self.fields.as_deref();
        let policy = match (&facts.log_policy, &self.policy) {
            (None, None) if fields.is_none() => {
                return emit::counted(cx.layer_metrics, || write(cx.exchange, facts, None));
            }
            (Some(route), Some(own)) => Cow::Owned(route.or(own)),
            (Some(policy), None) | (None, Some(policy)) => Cow::Borrowed(&**policy),
            (None, None) => Cow::Owned(LogPolicy::default()),
        };
        let ended = Ended {
            facts,
            method: cx.exchange.method(),
            path: cx.exchange.path(),
            id: cx.exchange.id(),
            trace_id: cx.exchange.trace().map(TraceContext::trace_id),
        };
        if let Some(verdict) = policy.verdict(&ended, || cx.metrics().hook_failed()) {
            let extra = Extra::new(fields, cx.exchange);
            emit::counted(cx.layer_metrics, || {
                write(cx.exchange, facts, Some((verdict, extra)));
            });
        }
    }
}

impl Observer for AccessLogObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::ACCESS_LOG
    }

    fn needs(&self) -> Needs {
        Needs::TEXT
    }

    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        if let Some(own) = &self.policy
            && !active.overlaps(self.kinds())
        {
            let log_policy = &mut overrides.rare_mut().log_policy;
            *log_policy = Some(match log_policy.take() {
                Some(outer) => Arc::new(own.or(&outer)),
                None => Arc::clone(own),
            });
        }
    }

    fn request(&self, _: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {
        if let Some(fields) = &self.fields {
            start.logged = fields.keep(request);
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        self.log(cx, facts);
    }

    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        if let Some(facts) = failure
            && matches!(
                outcome,
                Outcome::Panicked | Outcome::Error | Outcome::BodyError
            )
        {
            self.log(cx, facts);
        }
    }
}

/// Writes the event, by default or as the application chose.
fn write(exchange: &Exchange, facts: &Facts, chosen: Option<(Verdict, Extra<'_>)>) {
    // All else is asked within the event, which may be disabled.
    let severity = judge::severity(facts);
    let handler = facts.handler.as_deref();
    // A request that is dropped ends outside its span.
    let span = exchange.span();
    macro_rules! event {
        ($level:ident $(, $name:ident = $value:expr)*) => {
            tracing::event!(
                name: "tower_vitals.request",
                target: "tower_vitals",
                parent: span.as_ref().and_then(Span::id),
                tracing::Level::$level,
                request_id = exchange.id(),
                trace_id = exchange.trace().map(TraceContext::trace_id),
                span_id = exchange.trace().map(TraceContext::span_id),
                method = exchange.method(),
                path = &*printable_path(exchange.path()),
                endpoint = Endpoint::name(facts.endpoint.as_ref()),
                status = StatusLabel::of(facts).code(),
                outcome = facts.outcome.as_str(),
                severity = severity.map(Severity::as_str),
                head_ms = millis(facts.head),
                wait_ms = (!facts.wait.is_zero()).then(|| millis(facts.wait)),
                total_ms = millis(facts.total),
                bytes = facts.bytes,
                request_bytes = facts.request_bytes.filter(|bytes| *bytes > 0),
                length_mismatch = facts.length_mismatch.then_some(true),
                grpc_status = facts.grpc.as_ref().map(|grpc| grpc.code.number()),
                category = judge::category(facts).map(ErrorCategory::as_str),
                external_service = judge::external_service(facts),
                cause = facts.cause(),
                user_id = handler.and_then(HandlerContext::shown_user).as_deref(),
                tenant_id = handler.and_then(HandlerContext::shown_tenant).as_deref(),
                tags = handler.and_then(HandlerContext::shown_tags).as_deref(),
                $($name = $value,)*
                "request"
            )
        };
    }
    let Some((Verdict { level, share }, extra)) = chosen else {
        return match default_level(severity, facts) {
            Level::ERROR => event!(ERROR),
            Level::WARN => event!(WARN),
            _ => event!(INFO),
        };
    };
    macro_rules! chosen_event {
        ($level:ident) => {
            event!(
                $level,
                client_address = extra.client().as_deref(),
                user_agent = extra.user_agent().as_deref(),
                http_version = extra.version(),
                query = extra.query().as_deref(),
                sample_share = share
            )
        };
    }
    match level {
        Level::ERROR => chosen_event!(ERROR),
        Level::WARN => chosen_event!(WARN),
        Level::INFO => chosen_event!(INFO),
        Level::DEBUG => chosen_event!(DEBUG),
        Level::TRACE => chosen_event!(TRACE),
    }
}
