//! Makes a Sentry transaction of a request. It has the name of the route and ends with the response.

use std::sync::OnceLock;

use http::{HeaderMap, StatusCode};
use sentry::{
    Hub, TracePropagationContext, Transaction, TransactionContext,
    protocol::{SpanId, SpanStatus, TraceId},
};

use super::{shown_request, trace};
use crate::facts::{
    Facts,
    category::ErrorCategory,
    exchange::{Exchange, Outcome},
    judge,
    request_texts::RequestTexts,
    route::{Endpoint, UNMATCHED},
    sentry_data::{RequestTransaction, SentryData},
    trace_context::TraceContext,
};

const OPERATION: &str = "http.server";

/// Begins a transaction as part of the trace in the request's headers, and makes it the hub's span.
pub(super) fn begin(
    sentry: &SentryData,
    texts: &RequestTexts,
    headers: &HeaderMap,
    trace: Option<&TraceContext>,
) -> RequestTransaction {
    let caller = match trace {
        Some(trace) => trace.caller(),
        None => trace::of_caller(texts),
    };
    let caller = caller.map(|caller| {
        let [trace, span] = [
            TraceId::from(caller.trace_id).to_string(),
            SpanId::from(caller.span_id).to_string(),
        ];
        format!("{trace}-{span}")
    });
    // It names the organisation of the caller, whose trace is perhaps not to be continued.
    let baggage = headers.get_all("baggage").into_iter();
    let baggage = baggage.filter_map(|value| Some(("baggage", value.to_str().ok()?)));
    let ids = caller.as_deref().map(|ids| ("sentry-trace", ids));
    // The route is not known yet. The caller's sampling is not passed on: else any client would overrule the rate.
    let headers = ids.into_iter().chain(baggage);
    let (name, operation) = (UNMATCHED, OPERATION);
    let continued = TracePropagationContext::try_from_headers(headers);
    let ids = trace.and_then(TraceContext::ids);
    let span_id = ids.map(|ids| SpanId::from(ids.span_id));
    let context = match (continued, ids) {
        (Ok(caller), _) => TransactionContext::continue_from_trace_propagation_context(
            name, operation, &caller, span_id,
        ),
        (Err(_), Some(ids)) => {
            let trace_id = ids.trace_id.into();
            TransactionContext::new_with_details(name, operation, trace_id, span_id, None)
        }
        (Err(_), None) => TransactionContext::new(name, operation),
    };
    RequestTransaction {
        begun: start(sentry, context),
        replaced: OnceLock::new(),
        replace: begin_again,
    }
}

/// Begins a transaction with the ids that an OpenTelemetry layer gave the span of the request. Those of a transaction cannot be
/// changed. A layer of Sentry's SDK has then already made a part of the first transaction of the span, which stays.
fn begin_again(
    sentry: &SentryData,
    begun: &Transaction,
    trace: &TraceContext,
) -> Option<Transaction> {
    let active = Hub::current().configure_scope(|scope| scope.get_span());
    if active != Some(begun.clone().into()) {
        return None;
    }
    let (ids, before) = (trace.ids()?, begun.get_trace_context());
    let trace_id = TraceId::from(ids.trace_id);
    let of_caller = before
        .parent_span_id
        .filter(|_| before.trace_id == trace_id);
    let span_id = Some(ids.span_id.into());
    let context =
        TransactionContext::new_with_details(UNMATCHED, OPERATION, trace_id, span_id, of_caller);
    Some(start(sentry, context))
}

/// Begins a transaction, and makes it the hub's span.
fn start(sentry: &SentryData, context: TransactionContext) -> Transaction {
    let transaction = sentry.hub.start_transaction(context);
    sentry
        .hub
        .configure_scope(|scope| scope.set_span(Some(transaction.clone().into())));
    transaction
}

/// Ends the transaction with the route and the status, which are known now.
pub(super) fn finish(
    transaction: &Transaction,
    exchange: &Exchange,
    facts: &Facts,
    sentry: &SentryData,
) {
    #[expect(deprecated, reason = "it says whether anything of it is sent")]
    if transaction.is_sampled() {
        describe(transaction, exchange, facts, sentry);
    }
    transaction.clone().finish();
}

fn describe(transaction: &Transaction, exchange: &Exchange, facts: &Facts, sentry: &SentryData) {
    let category = judge::category(facts);
    transaction.set_name(Endpoint::name(facts.endpoint.as_ref()));
    transaction.set_status(span_status(facts, category));
    transaction.set_request(shown_request::of(exchange, sentry));
    transaction.set_tag("outcome", facts.outcome.as_str());
    if let Some(id) = exchange.id() {
        transaction.set_tag("request_id", id);
    }
    if let Some(category) = category {
        transaction.set_tag("error_category", category.as_str());
    }
    if let Some(status) = facts.status {
        transaction.set_data("http.response.status_code", status.as_u16().into());
    }
}

fn span_status(facts: &Facts, category: Option<ErrorCategory>) -> SpanStatus {
    match (facts.outcome, category) {
        (Outcome::Cancelled | Outcome::Aborted, None) => SpanStatus::Cancelled,
        (_, None) => SpanStatus::Ok,
        (_, Some(ErrorCategory::Authentication))
            if facts.status == Some(StatusCode::UNAUTHORIZED) =>
        {
            SpanStatus::Unauthenticated
        }
        (_, Some(ErrorCategory::Authentication)) => SpanStatus::PermissionDenied,
        (_, Some(ErrorCategory::Validation)) => SpanStatus::InvalidArgument,
        (_, Some(ErrorCategory::NotFound)) => SpanStatus::NotFound,
        (_, Some(ErrorCategory::Conflict)) => SpanStatus::AlreadyExists,
        (_, Some(ErrorCategory::Timeout)) => SpanStatus::DeadlineExceeded,
        (_, Some(ErrorCategory::RateLimit)) => SpanStatus::ResourceExhausted,
        (_, Some(ErrorCategory::ExternalService)) => SpanStatus::Unavailable,
        (_, Some(ErrorCategory::ServerError | ErrorCategory::Database)) => {
            SpanStatus::InternalError
        }
    }
}
