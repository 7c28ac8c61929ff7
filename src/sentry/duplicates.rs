//! Recognises events about a failure that this crate reports itself.

use sentry::{
    Level,
    protocol::{Context, Event},
};

use crate::facts::{report_policy::ReportPolicy, sentry_data::SentryData};

/// Whether a library logged a failure of the current exchange that the observer reports at its end. `tower-http` logs each
/// failure, and the policy decides which of them are reported, so its events are always dropped. `axum` also logs rejections
/// that are mistakes of the client. They are kept, unless the policy reports their status.
pub(super) fn repeats_ours(event: &Event<'_>, policy: &ReportPolicy) -> bool {
    match event.logger.as_deref() {
        Some("tower_http::trace::on_failure" | "tower_http::catch_panic") => true,
        Some("axum::rejection") => rejected_with(event).is_some_and(policy.statuses),
        _ => false,
    }
}

/// Remembers an error that the application has captured, so that it is not reported again.
pub(super) fn note_error(event: &Event<'_>, sentry: &SentryData) {
    if !matches!(event.level, Level::Error | Level::Fatal) {
        return;
    }
    // The outermost error is the last.
    if let Some(exception) = event.exception.last() {
        let text = exception.value.as_deref().unwrap_or_default();
        sentry.note_told(&exception.ty, text);
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
