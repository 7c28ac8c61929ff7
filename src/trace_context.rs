//! Gives every request its place in a distributed trace: continues the caller's, or begins one.
//!
//! # When it acts
//!
//! - Before the inner service is called: the trace is in [`Exchange::trace`](crate::exchange::Exchange::trace). The headers of the
//!   request stay as they are.
//! - When there is a response: with [`response_header`](TraceContextLayer::response_header) it names the trace.
//!
//! The ids then appear in these places:
//!
//! - `trace_id` and `span_id` of its log event, and of all lines of [`logging`](crate::logging) within the request,
//! - the trace of its Sentry events, and of its transaction,
//! - `trace_id` of its [span](crate::span),
//! - `traceparent` and `tracestate` of the requests that it sends through a
//!   [`ForwardRequestIdLayer`](crate::request_id::ForwardRequestIdLayer).
//!
//! # Whose trace
//!
//! The first of these that is valid is continued: `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/);
//! with [`b3`](TraceContextLayer::b3) the header `b3`; `sentry-trace`. A header that is there twice, or is malformed, counts as
//! missing. `tracestate` is passed on with the trace of `traceparent`, if all of it is valid and it has at most 2,048 bytes. If
//! there is no trace, one begins.
//!
//! With feature `opentelemetry`, an OpenTelemetry layer of the application's `tracing` subscriber decides: if the request runs
//! in a span of that layer, or in [our span](crate::span), the ids are those of that span. A caller's trace is then continued by
//! our span.
//!
//! # What is not covered
//!
//! `span_id` is that of the request, also on lines within spans of the application. If Sentry's transactions and an
//! OpenTelemetry layer are both on, then the span id of the transaction, and of the events within it, is not that of the span.
//! If no caller names a trace, its trace is not that of the span either.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, response};
use tracing::{Span, dispatcher};

pub use crate::facts::trace_context::TraceContext;
use crate::{
    config::{self, ConfigError},
    emit,
    facts::{
        exchange::{Exchange, Start},
        layer_kinds::LayerKinds,
        trace_context::otel,
    },
    observe::{Engine, Observer, ObserverContext, RequestHead, StartContext, layer_methods},
};

/// Gives every request its place in a distributed trace.
///
/// See the [module docs](self) for what is read and where the ids are found.
///
/// ```
/// use tower_vitals::{TraceContextLayer, Vitals};
///
/// let trace = TraceContextLayer::new().b3(true).response_header("x-trace")?;
/// let vitals = Vitals::builder().trace_context(trace).build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TraceContextLayer {
    engine: Arc<Engine<TraceContextObserver>>,
}

/// The observer behind [`TraceContextLayer`]. One that is off claims no kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct TraceContextObserver {
    pub(crate) on: bool,
    ignores_callers: bool,
    begins_unsampled: bool,
    b3: bool,
    response_header: Option<HeaderName>,
}

// === impl TraceContextLayer ===

impl TraceContextLayer {
    /// A layer that continues valid traces of callers.
    #[must_use]
    pub fn new() -> Self {
        let observer = TraceContextObserver {
            on: true,
            ..TraceContextObserver::default()
        };
        Self {
            engine: Arc::new(Engine::of(observer)),
        }
    }

    /// Whether a caller's trace is continued. Defaults to `true`.
    ///
    /// Use `false` if requests come straight from the internet, so that no client chooses your trace ids.
    #[must_use]
    pub fn trust_inbound(mut self, trust: bool) -> Self {
        self.observer_mut().ignores_callers = !trust;
        self
    }

    /// Whether a trace that begins here is marked as sampled. Defaults to `true`.
    ///
    /// A tracer of a service that is called usually follows this mark. Without it that tracer records nothing.
    #[must_use]
    pub fn begin_sampled(mut self, sampled: bool) -> Self {
        self.observer_mut().begins_unsampled = !sampled;
        self
    }

    /// Whether header `b3` of Zipkin is read, and put on outbound requests. Defaults to `false`.
    #[must_use]
    pub fn b3(mut self, b3: bool) -> Self {
        self.observer_mut().b3 = b3;
        self
    }

    /// The header of the response that names the trace, as the value of `traceparent`. Defaults to none. It is another one than that
    /// of the [request id](crate::RequestIdLayer::header), whose value it would replace: a stack with both fails at `build`.
    ///
    /// # Errors
    ///
    /// If `name` is not a header name, or is one that HTTP itself needs.
    pub fn response_header(mut self, name: &str) -> Result<Self, ConfigError> {
        let header = config::header_name("trace_context.response_header", name)?;
        self.observer_mut().response_header = Some(header);
        Ok(self)
    }

    /// The observer of this layer, for a stack.
    pub(crate) fn observer(&self) -> TraceContextObserver {
        self.engine.observer.clone()
    }

    fn observer_mut(&mut self) -> &mut TraceContextObserver {
        &mut Arc::make_mut(&mut self.engine).observer
    }
}

layer_methods!(TraceContextLayer, Unexamined);

// === impl TraceContextObserver ===

impl TraceContextObserver {
    /// Refuses a header of the trace that carries the id of the request.
    pub(crate) fn check_beside(&self, of_request_id: &HeaderName) -> Result<(), ConfigError> {
        match &self.response_header {
            Some(header) if self.on && header == of_request_id => Err(ConfigError::new(
                "trace_context.response_header",
                header.as_str(),
                "this header carries the id of the request",
            )),
            _ => Ok(()),
        }
    }

    fn trace(&self, headers: &HeaderMap) -> TraceContext {
        let of_caller = || TraceContext::of_caller(headers, self.b3);
        let continued = (!self.ignores_callers).then(of_caller).flatten();
        continued.unwrap_or_else(|| TraceContext::begun(!self.begins_unsampled))
    }
}

impl Observer for TraceContextObserver {
    fn kinds(&self) -> LayerKinds {
        match self.on {
            true => LayerKinds::TRACE_CONTEXT,
            false => LayerKinds::NONE,
        }
    }

    fn request(&self, _: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {
        let trace = of_current_span().unwrap_or_else(|| self.trace(request.headers()));
        start.trace = Some(Box::new(trace.with_b3(self.b3)));
    }

    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {
        if let Some(name) = &self.response_header
            && let Some(value) = cx
                .exchange
                .trace()
                .and_then(TraceContext::traceparent_value)
        {
            let _ = response.headers.try_insert(name, value);
        }
    }
}

/// Puts the trace on a request that is sent on behalf of the exchange, if it has one.
pub(crate) fn put(exchange: &Exchange, headers: &mut HeaderMap) {
    if let Some(of_request) = exchange.trace() {
        match of_current_span() {
            Some(trace) => trace.with_b3(of_request.b3).put(headers),
            None => of_request.put(headers),
        }
    }
}

/// The ids that an OpenTelemetry layer gave to the span in which this code runs.
fn of_current_span() -> Option<TraceContext> {
    let mut found = None;
    if cfg!(feature = "opentelemetry") && dispatcher::has_been_set() {
        emit::guarded(|| found = otel::of_span(&Span::current()));
    }
    found
}
