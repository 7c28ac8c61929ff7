//! Writes the event of a run of a job.

use crate::{
    facts::{
        Facts, category::ErrorCategory, exchange::Exchange, handler_context::HandlerContext, judge,
        trace_context::TraceContext, work::CallOutcome,
    },
    text::millis,
};

/// Writes the event. Code of the application's subscriber runs.
pub(super) fn write(job: &'static str, exchange: &Exchange, facts: &Facts, outcome: CallOutcome) {
    let handler = facts.handler.as_deref();
    let span = exchange.span();
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                name: "tower_vitals.job",
                target: "tower_vitals",
                parent: span.as_ref().and_then(tracing::Span::id),
                tracing::Level::$level,
                request_id = exchange.id(),
                trace_id = exchange.trace().map(TraceContext::trace_id),
                span_id = exchange.trace().map(TraceContext::span_id),
                job,
                outcome = outcome.as_str(),
                duration_ms = millis(facts.total),
                category = judge::category(facts).map(ErrorCategory::as_str),
                cause = facts.cause(),
                external_service = judge::external_service(facts),
                user_id = handler.and_then(HandlerContext::shown_user).as_deref(),
                tenant_id = handler.and_then(HandlerContext::shown_tenant).as_deref(),
                tags = handler.and_then(HandlerContext::shown_tags).as_deref(),
                "job"
            )
        };
    }
    match outcome {
        CallOutcome::Success => event!(INFO),
        CallOutcome::Cancelled => event!(WARN),
        CallOutcome::Error | CallOutcome::Timeout | CallOutcome::Panicked => event!(ERROR),
    }
}
