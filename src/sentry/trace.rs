//! Reads the trace that the caller names, and names it in what no span of the application is around: events, logs, metrics.

use std::sync::Arc;

use sentry::{
    Hub,
    protocol::{Context, Event, SpanId, TraceContext, TraceId},
};

use super::shown_request;
use crate::facts::{
    current::thread_is_alive,
    exchange::Exchange,
    request_texts::RequestTexts,
    sentry_data::{SentryData, thread_has_hub},
    trace_context::{self as facts, caller::Ids},
};

/// The trace in `sentry-trace`, else in `traceparent`. Only the ids are taken: whether the caller samples is its own matter.
pub(super) fn of_caller(texts: &RequestTexts) -> Option<Ids> {
    read(shown_request::traces(texts))
}

fn read([of_sentry, of_w3c]: [Option<&str>; 2]) -> Option<Ids> {
    let of_sentry = of_sentry.and_then(Ids::sentry_trace);
    of_sentry.or_else(|| of_w3c.and_then(Ids::traceparent))
}

/// The trace that a [`TraceContextLayer`](crate::TraceContextLayer) gave the request, and the span of its caller.
pub(super) fn of_layer(trace: &facts::TraceContext) -> Option<(Ids, Option<SpanId>)> {
    let parent = trace.caller().map(|caller| caller.span_id.into());
    Some((trace.ids()?, parent))
}

/// Names the trace of the request in an event. The trace of a span stays.
///
/// The trace that a hub has without a span is that of the hub from which it was made, so other requests have it too.
pub(super) fn name(event: &mut Event<'static>, exchange: &Exchange, sentry: &SentryData) {
    let of_event = match event.contexts.get("trace") {
        Some(Context::Trace(trace)) => Some(trace.trace_id),
        _ => None,
    };
    if of_event.is_some() && of_event != of_hub(&sentry.hub) {
        return;
    }
    let trace = Context::Trace(Box::new(of_request(exchange, sentry)));
    event.contexts.insert("trace".into(), trace);
}

/// The headers that name the trace of the running request, for a request to another service: the active span's trace, else the
/// caller's, else the request's own. No two requests name one trace, unless their caller does.
///
/// [`iter_trace_propagation_headers`](sentry::Scope::iter_trace_propagation_headers) of the SDK does so only while there is a span:
/// without one it names the same trace for all requests. Outside of a watched request, these headers are that function's.
///
/// ```
/// # fn call(request: http::request::Builder) -> http::request::Builder {
/// tower_vitals::sentry::trace_headers().fold(request, |request, (name, value)| {
///     request.header(name, value)
/// })
/// # }
/// ```
pub fn trace_headers() -> impl Iterator<Item = (&'static str, String)> {
    let has_hub = thread_has_hub(thread_is_alive());
    has_hub.then(headers).into_iter().flatten()
}

fn headers() -> Vec<(&'static str, String)> {
    let exchange = Exchange::current();
    let observed = exchange
        .as_deref()
        .and_then(|exchange| Some((exchange, exchange.sentry()?)));
    // A copy: to be asked, the scope of the hub itself would be copied and stay so.
    Hub::new_from_top(Hub::current()).configure_scope(|scope| match observed {
        Some((exchange, sentry)) if scope.get_span().is_none() => {
            let trace = of_request(exchange, sentry);
            let value = format!("{}-{}", trace.trace_id, trace.span_id);
            vec![("sentry-trace", value)]
        }
        _ => scope.iter_trace_propagation_headers().collect(),
    })
}

/// The trace that a log or a metric of the current request is to name in place of the one that the SDK has named.
pub(super) fn in_place_of(named: TraceId) -> TraceId {
    let Some(exchange) = Exchange::current() else {
        return named;
    };
    match exchange.sentry() {
        Some(sentry) if of_hub(&sentry.hub) == Some(named) => {
            of_request(&exchange, sentry).trace_id
        }
        _ => named,
    }
}

/// The trace of the request: that of its transaction, else that of a layer of this crate, else the caller's, else its own.
fn of_request(exchange: &Exchange, sentry: &SentryData) -> TraceContext {
    let of_layer = exchange.trace().and_then(of_layer);
    match (
        sentry.transaction(),
        of_layer,
        of_caller(exchange.sentry_texts()),
    ) {
        // What captured the event has put the span of the transaction aside.
        (Some(transaction), ..) => transaction.get_trace_context(),
        (None, Some((ids, parent)), _) => TraceContext {
            trace_id: ids.trace_id.into(),
            span_id: ids.span_id.into(),
            parent_span_id: parent,
            ..TraceContext::default()
        },
        (None, None, Some(caller)) => TraceContext {
            trace_id: caller.trace_id.into(),
            parent_span_id: Some(caller.span_id.into()),
            ..TraceContext::default()
        },
        (None, None, None) => TraceContext {
            trace_id: sentry.own_trace(),
            ..TraceContext::default()
        },
    }
}

/// The trace of a hub without its span. The SDK shows it in outgoing headers only.
fn of_hub(hub: &Arc<Hub>) -> Option<TraceId> {
    Hub::new_from_top(hub).configure_scope(|scope| {
        scope.set_span(None);
        let mut headers = scope.iter_trace_propagation_headers();
        let (_, value) = headers.find(|(name, _)| *name == "sentry-trace")?;
        Ids::sentry_trace(&value).map(|caller| caller.trace_id.into())
    })
}
