//! Knows the events of other libraries that say of a failure what this crate says of it.

use sentry::{
    Level,
    protocol::{Context, Event},
};

use crate::facts::{report_policy::ReportPolicy, sentry_data::SentryData};

/// Whether a log event of another library says of the current exchange what the observer will say at its end. The policy alone
/// decides whether a failure is told: so `tower-http` does not tell one that the policy leaves out. A rejection of axum that
/// the policy leaves out stays, since it is the client's mistake and no failure.
pub(super) fn tell_the_same(event: &Event<'_>, policy: &ReportPolicy) -> bool {
    match event.logger.as_deref() {
        Some("tower_http::trace::on_failure" | "tower_http::catch_panic") => true,
        Some("axum::rejection") => rejected_with(event).is_some_and(policy.statuses),
        _ => false,
    }
}

/// Notes the error that the application itself tells, so that it is not told again.
pub(super) fn note_error(event: &Event<'_>, sentry: &SentryData) {
    if !matches!(event.level, Level::Error | Level::Fatal) {
        return;
    }
    // The outermost error is the last.
    if let Some(exception) = event.exception.last() {
        let text = exception.value.as_deref().unwrap_or_default();
        sentry.told.note(&exception.ty, text);
    }
}

/// The status in a log event of axum about a rejection.
fn rejected_with(event: &Event<'_>) -> Option<http::StatusCode> {
    let Context::Other(fields) = event.contexts.get("Rust Tracing Fields")? else {
        return None;
    };
    let status = fields.get("status")?.as_u64()?;
    http::StatusCode::from_u16(status.try_into().ok()?).ok()
}
