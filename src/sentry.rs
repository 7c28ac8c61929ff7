//! Reports to Sentry what went wrong, with its cause and without secrets.
//!
//! # When it reports
//!
//! Only if the application asks for it: with [`VitalsBuilder::sentry`](crate::vitals::VitalsBuilder::sentry), or with a
//! [`SentryScopeLayer`] and a client of its own. The environment alone changes nothing.
//!
//! | what | as |
//! | --- | --- |
//! | a response from 500 to 599, a gRPC status that is the server's fault, an `Err` | an error, with the causes that the log has |
//! | a panic | an error, once, whoever catches it |
//! | a run of a [background job](crate::operations::job) that returned an error or panicked | an error, once |
//! | a response after 2 s, after 5 s | a warning, an error |
//! | a request without a response ([`log_stuck`](crate::vitals::VitalsBuilder::log_stuck)) | a warning, once |
//! | a function, a query or a call of another service that was slow ([`operations`](crate::operations)) | a warning |
//! | what the handler captures with the crate `sentry` | as it is |
//!
//! [`ReportPolicy`] changes all of it, also for one route. By default 4xx, probes and 5xx on excluded paths are not
//! reported. A thousand failures of one route for one reason are one issue: its fingerprint is method, endpoint, category,
//! kind of incident, and what the code bounds of its reason: the types of the error and of its root, the gRPC status, the
//! [other service](crate::operations::OutboundLayer) that failed, the function that panicked. Texts are no part of it. Two bugs of one route are two issues, and a flood of one does not hold
//! back the other.
//!
//! Each failure is one event. `tower-http` and `axum` also log failures of requests, and Sentry's layer of `tracing` can make
//! events of these log lines: such events are dropped, whether the layer that logs stands inside or around the one of this crate.
//! If a handler captures an error and then returns it, there is no second
//! event of it. Events of a handler's own `error!` are kept, and so are rejections that the policy does not report, such as a
//! 422.
//!
//! A panic outside of requests, in a task or a health check for example, is limited by the line in which it began. It is
//! an error, unless it ends the process.
//!
//! An event that is captured while a request is [current](crate::exchange::Exchange::current) gets the tags `request_id`,
//! `endpoint`, `method`, `severity`, `error_category` and `tenant_id`, the user and the tags of
//! [`RequestContext`](crate::RequestContext), the route as its transaction, and the breadcrumbs of that request alone. A
//! spawned task has them too if [`Exchange::scope`](crate::exchange::Exchange::scope) carries the request there.
//!
//! # With what a request begins
//!
//! Each request has a hub of its own. Its scope begins with what the application had set on the main hub when the client was
//! first seen: by [`VitalsBuilder::sentry`](crate::vitals::VitalsBuilder::sentry), else at the first request. What is set on
//! the main hub later is not seen, nor what lies on the hub of the thread: it can be another request's. If the current hub has
//! another client than the main hub, a layer further out has bound it, and the request begins with its scope, without its
//! breadcrumbs. See [`SentryScopeLayer::inherit_current_hub`].
//!
//! A request on an excluded path has a hub of its own as well. No layer observes it, so its events have no data of a request. A
//! task without [`Exchange::scope`](crate::exchange::Exchange::scope) runs on the hub of its thread, and what it sets there, later
//! events of such tasks show.
//!
//! A layer further in that binds a hub of its own hides what the handler adds there from the event of a bare 5xx, which is
//! made outside. What runs in the handler sees it: events, and tasks by [`Exchange::scope`](crate::exchange::Exchange::scope).
//!
//! # Traces
//!
//! Events of one request name one trace, and no other request names it: that of the active span, else that of the caller
//! (`sentry-trace` or `traceparent`), else one of the request's own. Logs and metrics of the SDK name the same trace, if the
//! client is one of this crate or went through [`guard`]. [`trace_headers`] has the header that names this trace, for a request to
//! another service. The SDK's own
//! [`iter_trace_propagation_headers`](sentry::Scope::iter_trace_propagation_headers) names the active span's trace. Without a
//! span it names the trace of the main hub, the same for all requests: the SDK has no way to set it. With
//! [`SentryScopeLayer::transactions`], there is always a span, also at the rate 0. That costs 6 allocations a request.
//!
//! # What is sent
//!
//! Everything is scrubbed as the last step before it is sent, after any `before_send`: see [`Scrubbing`]. What cannot be
//! scrubbed is dropped and counted. A client that the application makes itself is scrubbed if its options went through
//! [`guard`]. A client without it is used, and one warning is logged.
//!
//! A request that panics waits while the SDK collects the stack trace. In a debug build that takes most of a second.
//! Nothing else waits for Sentry: threads of its own send from a queue of 100, up to four at once while many wait. Events go before transactions,
//! logs and metrics, and take the place of the oldest of these if the queue is full. What does not fit, is refused or fails is
//! counted in `vitals_dropped_total`: events as sink `sentry`, the others as `sentry_transactions`, `sentry_logs` and
//! `sentry_metrics`.
//!
//! One `WARN` of target `tower_vitals` says that Sentry cannot be reached or refuses what is sent, with the host and the reason,
//! and one `INFO` that it takes it again. The roots of the machine are trusted, and those that `SSL_CERT_FILE` names.

mod base;
mod connection;
mod duplicates;
mod enrich;
mod envelope;
mod event;
mod guard;
mod http;
pub(crate) mod job;
#[cfg(feature = "health")]
mod no_request;
mod no_stack;
mod observer;
mod options;
mod outgoing;
mod outside;
mod passed;
mod reachability;
mod readable;
mod scope;
mod shown_request;
mod stack;
mod state;
mod trace;
#[cfg(feature = "logging")]
mod tracing_layer;
mod transaction;
mod transport;
mod work;

use std::sync::Arc;

#[cfg(feature = "health")]
pub(crate) use self::no_request::hub_of_no_request;
#[cfg(feature = "logging")]
pub use self::tracing_layer::tracing_layer;
pub(crate) use self::{
    connection::Connection,
    observer::SentryObserver,
    outgoing::Outgoing,
    outside::notify,
    work::{hub_for_log, note_work, ready_for_work, report_slow_work},
};
pub use self::{
    guard::{guard, guard_with},
    options::SentryOptions,
    trace::trace_headers,
};
#[cfg(doc)]
use crate::scrub::Scrubbing;
use crate::{
    metrics::Metrics,
    observe::{Engine, layer_methods},
    report::ReportPolicy,
};

/// Gives each request a Sentry scope of its own, and reports the requests that go wrong.
///
/// It uses the client that the application has bound, as `sentry::init` does. Without a client it does nothing. See the
/// [module docs](self).
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use tower_vitals::{SentryScopeLayer, sentry::guard};
///
/// // What the client sends is scrubbed. It lives as long as `main`.
/// let _client = sentry::init(guard(sentry::ClientOptions::new()));
/// let app: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "an order" }))
///     .layer(SentryScopeLayer::new());
/// ```
#[derive(Clone, Debug)]
pub struct SentryScopeLayer {
    engine: Arc<Engine<SentryObserver>>,
}

// === impl SentryScopeLayer ===

impl SentryScopeLayer {
    /// A layer with the default [`ReportPolicy`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(Engine::of(SentryObserver::new(true))),
        }
    }

    /// Which requests are reported. On a route, inside another layer of this kind, it is the policy of that route.
    #[must_use]
    pub fn report_policy(mut self, policy: ReportPolicy) -> Self {
        Arc::make_mut(&mut self.engine).observer.set_policy(policy);
        self
    }

    /// Begins each request with the scope of the current hub, without its breadcrumbs, in place of the scope that the main hub had
    /// at start.
    ///
    /// For a layer of `sentry-tower` further out that binds a hub for each request. A hub with a client other than that of the main
    /// hub is always inherited. Without such a layer, what other code left on the thread is inherited too.
    #[must_use]
    pub fn inherit_current_hub(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.inherits_hub = true;
        self
    }

    /// Makes a transaction of each request that the client samples. Defaults to off.
    ///
    /// The transaction has the name of the route, continues an incoming `sentry-trace` or `traceparent`, and ends with the
    /// response. Whether the caller samples changes nothing: only the client's rate decides.
    #[must_use]
    pub fn transactions(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.transactions = true;
        self
    }

    /// Where the layer counts what is not reported. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        let engine = Arc::make_mut(&mut self.engine);
        engine.metrics = Some(metrics.clone());
        engine.observer.set_metrics(metrics);
        self
    }
}

layer_methods!(SentryScopeLayer, Examined, without metrics);
