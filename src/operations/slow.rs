//! Tells the log and Sentry of work that was slow.

use crate::{
    emit,
    facts::{
        exchange::Exchange,
        trace_context::TraceContext,
        work::{CallOutcome, EndedWork, Work},
    },
    metrics::Metrics,
    sentry,
    text::millis,
};

/// Tells of it, with the id of the current request if there is one.
#[cold]
pub(super) fn tell(work: &EndedWork<'_>, metrics: Option<&Metrics>) {
    let exchange = Exchange::current();
    let exchange = exchange.as_deref();
    emit::counted(metrics, || {
        let _hub = sentry::hub_for_log(exchange);
        write(work, exchange);
    });
    sentry::report_slow_work(work, exchange, metrics);
}

fn write(work: &EndedWork<'_>, exchange: Option<&Exchange>) {
    let trace = exchange.and_then(Exchange::trace);
    tracing::warn!(
        name: "tower_vitals.slow",
        target: "tower_vitals",
        request_id = exchange.and_then(Exchange::id),
        trace_id = trace.map(TraceContext::trace_id),
        span_id = trace.map(TraceContext::span_id),
        name = work.named(Work::Operation),
        operation = work.operation(),
        table = work.named(Work::Query),
        external_service = work.named(Work::Outbound),
        job = work.named(Work::Job),
        outcome = work.outcome.map(CallOutcome::as_str),
        duration_ms = millis(work.duration),
        threshold_ms = millis(work.threshold),
        "slow {}",
        work.work.as_str()
    );
}
