//! Writes one event for each request.
//!
//! # When it writes
//!
//! Once, when the request has ended, through `tracing` with target `tower_vitals`. The level is `INFO` for the severities
//! `normal` and `slow` and for a cancelled request, `WARN` for `warning`, and `ERROR` for `critical`. A request on an
//! excluded path has an event only if it panicked or failed: at `ERROR`.
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
//! | `length_mismatch` | `true` if the body did not have the length that its head declared |
//! | `grpc_status` | the status number of a gRPC call |
//! | `category` | the [category](crate::category) of a failure |
//! | `cause` | the error behind a failure and its causes, if a layer examined it; at most 1,024 bytes |
//! | `user_id`, `tenant_id`, `tags` | what the handler added by [`RequestContext`](crate::RequestContext); tags as `key=value key=value` |
//!
//! The event's parent is the span in which the request ran, if there was one, however the request ended. The span stays open
//! until the event is written.
//!
//! Text from a client is always a string value and never part of the message, so no client can add a line to the log. If a
//! subscriber panics, or logs from within itself, the event is lost and counted in `vitals_dropped_total{sink="log"}`.

use std::{borrow::Cow, sync::Arc};

use tracing::Span;

use crate::{
    emit,
    facts::{
        Facts,
        category::ErrorCategory,
        evidence::Needs,
        exchange::{Exchange, Outcome},
        handler_context::HandlerContext,
        judge,
        labels::StatusLabel,
        layer_kinds::LayerKinds,
        route::Endpoint,
        severity::Severity,
        trace_context::TraceContext,
    },
    observe::{Engine, Observer, ObserverContext, layer_methods},
    text::{millis, printable_path, shortened},
};

/// The most bytes of a text of the handler that the log shows.
const LONGEST: usize = 200;

/// Writes one event for each request.
///
/// See the [module docs](self) for its fields.
#[derive(Clone, Debug)]
pub struct AccessLogLayer {
    engine: Arc<Engine<AccessLogObserver>>,
}

/// The observer behind [`AccessLogLayer`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AccessLogObserver;

// === impl AccessLogLayer ===

impl AccessLogLayer {
    /// A layer that writes to the application's `tracing` subscriber.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }
}

layer_methods!(AccessLogLayer, Unexamined);

// === impl AccessLogObserver ===

impl Observer for AccessLogObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::ACCESS_LOG
    }

    fn needs(&self) -> Needs {
        Needs::TEXT
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        emit::counted(cx.layer_metrics, || write(cx.exchange, facts));
    }

    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        if let Some(facts) = failure
            && matches!(
                outcome,
                Outcome::Panicked | Outcome::Error | Outcome::BodyError
            )
        {
            emit::counted(cx.layer_metrics, || write(cx.exchange, facts));
        }
    }
}

fn write(exchange: &Exchange, facts: &Facts) {
    // All else is asked within the event, which may be disabled.
    let severity = judge::severity(facts);
    let handler = facts.handler.as_deref();
    // A request that is dropped ends outside its span.
    let span = exchange.span();
    let trace = exchange.trace();
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                parent: span.as_ref().and_then(Span::id),
                tracing::Level::$level,
                request_id = exchange.id(),
                trace_id = trace.map(TraceContext::trace_id),
                span_id = trace.map(TraceContext::span_id),
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
                length_mismatch = facts.length_mismatch.then_some(true),
                grpc_status = facts.grpc.as_ref().map(|grpc| grpc.code.number()),
                category = judge::category(facts).map(ErrorCategory::as_str),
                cause = cause(facts),
                user_id = handler.and_then(|handler| Some(shown(handler.user.as_deref()?))).as_deref(),
                tenant_id = handler.and_then(|handler| Some(shown(handler.tenant.as_deref()?))).as_deref(),
                tags = handler.and_then(tags).as_deref(),
                "request"
            )
        };
    }
    match severity {
        None | Some(Severity::Normal | Severity::Slow) => event!(INFO),
        Some(Severity::Warning) => event!(WARN),
        Some(Severity::Critical) => event!(ERROR),
    }
}

/// The text of the error behind a failure.
fn cause(facts: &Facts) -> Option<&str> {
    let evidence = facts.evidence.as_ref()?;
    judge::category(facts).and(evidence.text.as_deref())
}

/// What the handler added, as the log shows it.
fn shown(text: &str) -> Cow<'_, str> {
    shortened(text, LONGEST)
}

fn tags(handler: &HandlerContext) -> Option<String> {
    let tags: Vec<_> = handler
        .tags
        .iter()
        .map(|(key, value)| format!("{}={}", shown(key), shown(value)))
        .collect();
    (!tags.is_empty()).then(|| tags.join(" "))
}
