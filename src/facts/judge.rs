//! Computes the severity and the error category of a request, from its facts alone.

use super::{
    Facts, category::ErrorCategory, failed_calls::FailedCall, grpc::Code, labels::StatusLabel,
    outcome::Outcome, severity::Severity,
};

/// The severity. `None` if the client left before there was a response, unless a gRPC deadline was missed.
pub(crate) fn severity(facts: &Facts) -> Option<Severity> {
    match facts.outcome {
        _ if is_server_failure(facts) => Some(Severity::Critical),
        Outcome::Cancelled => None,
        _ => Some(facts.bands.severity(facts.judged)),
    }
}

/// Whether the server failed. A status of 4xx is the client's failure.
pub(crate) fn is_server_failure(facts: &Facts) -> bool {
    let by_status = || match &facts.grpc {
        Some(grpc) => grpc.is_failure(),
        None => facts
            .status
            .is_some_and(|status| StatusLabel::new(status).is_server_error()),
    };
    match facts.outcome {
        Outcome::BodyError | Outcome::Error | Outcome::Panicked => true,
        Outcome::Completed | Outcome::Aborted => by_status(),
        Outcome::Cancelled => facts.missed_deadline(),
    }
}

/// The category of a failure of the server or of the client. The first of these that is known: the handler's, that of the
/// error's type, that of a specific status, that of a call of another service that failed, that of a keyword, that of the status.
pub(crate) fn category(facts: &Facts) -> Option<ErrorCategory> {
    use ErrorCategory::{ServerError, Timeout};
    let evidence = facts.evidence.as_ref();
    let by_type = || facts.handler_category().or_else(|| evidence?.by_type);
    let by_call = || facts.failed_call().map(FailedCall::category);
    let by_call_or_keyword = || by_call().or_else(|| evidence?.by_keyword);
    match facts.outcome {
        Outcome::Cancelled if facts.missed_deadline() => Some(Timeout),
        Outcome::Cancelled => None,
        // The client left, so only the status counts.
        Outcome::Aborted => by_status(facts),
        Outcome::Panicked => Some(ServerError),
        Outcome::Error | Outcome::BodyError => {
            Some(by_type().or_else(by_call_or_keyword).unwrap_or(ServerError))
        }
        Outcome::Completed => {
            let status = by_status(facts)?;
            let specific = (!is_generic(facts)).then_some(status);
            let otherwise = || by_call_or_keyword().or(Some(status));
            by_type().or(specific).or_else(otherwise)
        }
    }
}

/// The type of a failure, as OpenTelemetry's `error.type`: that of the error, else how the request failed. It comes from the code, and
/// never from a client.
pub(crate) fn error_type(facts: &Facts) -> &str {
    let evidence = facts.evidence.as_ref();
    let named = evidence.and_then(|evidence| evidence.error_type.as_deref());
    if facts.outcome == Outcome::Panicked || evidence.is_some_and(|evidence| evidence.of_panic) {
        return "panic";
    }
    let by_status = || match (&facts.grpc, &facts.status) {
        (Some(grpc), _) => grpc.code.canonical(),
        (None, Some(status)) => status.as_str(),
        (None, None) => facts.outcome.as_str(),
    };
    match facts.outcome {
        // The client left, so only the status counts.
        Outcome::Aborted => by_status(),
        _ => named.unwrap_or_else(by_status),
    }
}

/// The other service that made the request fail, if one is known: the last whose call failed, if the server failed for such a
/// reason.
pub(crate) fn external_service(facts: &Facts) -> Option<&'static str> {
    use ErrorCategory::{ExternalService, Timeout};
    let call = facts.failed_call()?;
    let by_others = matches!(category(facts), Some(ExternalService | Timeout));
    (by_others && is_server_failure(facts)).then_some(call.service)
}

/// The category that the status has by itself.
fn by_status(facts: &Facts) -> Option<ErrorCategory> {
    let Some(grpc) = &facts.grpc else {
        return ErrorCategory::of_status(facts.status?);
    };
    match ErrorCategory::of_code(grpc.code) {
        Some(_) if grpc.code == Code::UNIMPLEMENTED && grpc.method.is_none() => {
            Some(ErrorCategory::NotFound)
        }
        by_code => by_code,
    }
}

/// Whether the status names no specific cause.
fn is_generic(facts: &Facts) -> bool {
    match (&facts.grpc, facts.status) {
        (Some(grpc), _) => matches!(grpc.code, Code::UNKNOWN | Code::INTERNAL),
        (None, status) => status.is_none_or(ErrorCategory::is_generic),
    }
}
