//! Reads the wall clock. It is shown to people, and nothing is measured by it.
#![expect(clippy::disallowed_types, reason = "nothing is measured by it")]

#[cfg(any(
    feature = "cli",
    feature = "health",
    feature = "logging",
    feature = "statistics"
))]
pub(crate) mod rfc3339;

use std::time::{Duration, SystemTime};

/// The time of day. 0 if the clock is before 1970.
pub(crate) fn since_1970() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// The time of day, for libraries that want it in the form of the standard library.
#[cfg(feature = "sentry")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The time since 1970 of a header such as `Date`. `None` if it is none.
#[cfg(feature = "cli")]
pub(crate) fn of_header(text: &str) -> Option<Duration> {
    let at = httpdate::parse_http_date(text).ok()?;
    at.duration_since(SystemTime::UNIX_EPOCH).ok()
}

/// The time of day in seconds, as Prometheus shows it.
pub(crate) fn seconds_since_1970() -> f64 {
    since_1970().as_secs_f64()
}
