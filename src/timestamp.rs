//! Reads the wall clock. It is shown to people, and nothing is measured by it.
#![expect(clippy::disallowed_types, reason = "nothing is measured by it")]

#[cfg(any(feature = "health", feature = "logging", feature = "statistics"))]
pub(crate) mod rfc3339;

use std::time::SystemTime;

/// The time of day as Prometheus shows it. 0 if the clock is before 1970.
pub(crate) fn seconds_since_1970() -> f64 {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap_or_default().as_secs_f64()
}
