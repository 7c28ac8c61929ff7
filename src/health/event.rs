//! Reports that a check has changed: to the log, and to the sink of notices.

use super::{
    check::Role,
    state::{Change, CheckReport, Status},
};
use crate::{
    emit,
    metrics::{Metrics, Sink},
    report::notice::{Detail, FINGERPRINT, Level, Notice},
    text::millis,
};

/// Logs a change. The error of the check is for readers of the log, and of the notice. An event that is not written is counted, if there
/// are counters.
pub(super) fn log(metrics: Option<&Metrics>, report: &CheckReport, (from, to): Change) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                tracing::Level::$level,
                check = &*report.name,
                from = from.as_str(),
                to = to.as_str(),
                error = report.error.as_deref(),
                latency_ms = millis(report.latency),
                "health"
            )
        };
    }
    let write = || match (to, report.role) {
        (Status::Healthy, _) => event!(INFO),
        (Status::Unhealthy | Status::Unknown, Role::Critical) => event!(ERROR),
        _ => event!(WARN),
    };
    if !emit::guarded(write)
        && let Some(metrics) = metrics
    {
        metrics.dropped(Sink::Log);
    }
}

/// The notice of a change, if a critical check fails or its last answer has become too old: the service is not ready in
/// both cases.
pub(super) fn notice(report: &CheckReport, (_, to): Change) -> Option<Notice> {
    if report.role != Role::Critical || to.is_well() {
        return None;
    }
    let message = format!("health check {} failed", report.name);
    let key = [FINGERPRINT, "health", &report.name].map(str::to_owned);
    let mut notice = Notice::new(Level::Error, message, key.into());
    notice.tags.push(("check", report.name.to_string()));
    let latency = Detail::Number(millis(report.latency));
    notice.details.push(("latency_ms", latency));
    if let Some(error) = &report.error {
        let error = Detail::Text(error.to_string());
        notice.details.push(("error", error));
    }
    Some(notice)
}
