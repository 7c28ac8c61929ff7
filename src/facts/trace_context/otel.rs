//! Speaks with an OpenTelemetry layer of the application's subscriber, if there is one: its ids win.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{SAMPLED, TraceContext, caller::Ids};
use crate::facts::{Facts, judge, route::Endpoint};

/// What an OpenTelemetry layer takes the span of a request for.
pub(crate) const KIND: Option<&str> = Some("server");

/// The ids that an OpenTelemetry layer gave to a span.
pub(crate) fn of_span(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let ids = span.span_context();
    if !ids.is_valid() {
        return None;
    }
    let flags = u8::from(ids.is_sampled()) * SAMPLED;
    let trace = TraceContext::new(ids.trace_id().to_bytes(), ids.span_id().to_bytes(), flags);
    let state = ids.trace_state().header();
    let state = (!state.is_empty()).then(|| state.try_into().ok()).flatten();
    Some(trace.with_state(state))
}

/// Makes the span of a request a child of the caller's, and returns the ids that it got.
pub(crate) fn begin(span: &Span, trace: Option<&TraceContext>) -> Option<TraceContext> {
    if let Some((trace, caller)) = trace.and_then(|trace| Some((trace, trace.caller()?))) {
        // Fails if there is no such layer.
        let _ = span.set_parent(remote(&caller, trace.state()));
    }
    of_span(span)
}

/// Tells the name and the status of a request, in the words of the semantic conventions of HTTP.
pub(crate) fn end(span: &Span, method: &'static str, facts: &Facts) {
    let name = format!("{method} {}", Endpoint::name(facts.endpoint.as_ref()));
    span.context().span().update_name(name);
    span.set_attribute("http.request.method", method);
    if let Some(endpoint) = &facts.endpoint {
        span.set_attribute("http.route", endpoint.as_str().to_owned());
    }
    if let Some(status) = facts.status {
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    }
    if let Some(grpc) = &facts.grpc {
        span.set_attribute("rpc.response.status_code", i64::from(grpc.code.number()));
    }
    if judge::is_server_failure(facts) {
        span.set_status(Status::error(facts.outcome.as_str()));
    }
}

/// Tells that what a span is around has failed.
pub(crate) fn failed(span: &Span, reason: &'static str) {
    span.set_status(Status::error(reason));
}

fn remote(caller: &Ids, state: Option<&str>) -> Context {
    let flags = TraceFlags::new(caller.flags);
    let state = state.and_then(|state| state.parse().ok());
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_bytes(caller.trace_id),
        SpanId::from_bytes(caller.span_id),
        flags,
        true,
        state.unwrap_or(TraceState::NONE),
    ))
}
