//! Makes a transaction of a request: named by its route, over when the response truly is.

use http::{HeaderMap, StatusCode};
use sentry::{Hub, Transaction, TransactionContext, protocol::SpanStatus};

use super::scope::Scope;
use crate::{
    category::{self, ErrorCategory},
    exchange::{Exchange, Outcome},
    facts::route::{Endpoint, UNMATCHED},
    observe::Facts,
};

/// Begins one, as part of the trace that the request's headers name, and makes it the hub's.
pub(super) fn begin(hub: &Hub, headers: &HeaderMap) -> Transaction {
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    // Its route is not known yet.
    let context = TransactionContext::continue_from_headers(UNMATCHED, "http.server", headers);
    let transaction = hub.start_transaction(context);
    hub.configure_scope(|scope| scope.set_span(Some(transaction.clone().into())));
    transaction
}

/// Ends the transaction with the route that is known now, and the status of the true end.
pub(super) fn finish(transaction: &Transaction, exchange: &Exchange, facts: &Facts, scope: &Scope) {
    let category = category::judge(facts);
    transaction.set_name(Endpoint::name(facts.endpoint.as_ref()));
    transaction.set_status(span_status(facts, category));
    transaction.set_request(scope.request(exchange));
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
    transaction.clone().finish();
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
