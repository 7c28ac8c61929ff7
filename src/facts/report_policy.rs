//! Chooses which requests are reported.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::config::ConfigError;

/// How many reports of one incident are sent in a minute.
const PER_MINUTE: u32 = 10;

/// Chooses which requests are reported, to Sentry for example.
///
/// By default these are errors: a response with a status from 500 to 599, a gRPC status that is the server's fault, an
/// `Err` and a panic. A response after 2 s is a warning, a response after 5 s an error. At most 10 reports a minute are
/// sent for one endpoint, category, kind of incident and type of error. The others are counted in
/// `vitals_dropped_total{sink="sentry_flood"}`.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::report::ReportPolicy;
///
/// let policy = ReportPolicy::new()
///     .slower_than(Duration::from_secs(1), Duration::from_secs(10))?
///     .statuses(|status| status.is_server_error() || status == 429);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
pub struct ReportPolicy {
    /// From this time on, a response is a warning.
    pub(crate) warning: Duration,
    /// From this time on, a response is an error.
    pub(crate) error: Duration,
    pub(crate) statuses: fn(StatusCode) -> bool,
    pub(crate) excluded: bool,
    pub(crate) per_minute: u32,
}

// === impl ReportPolicy ===

impl ReportPolicy {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            warning: Duration::from_secs(2),
            error: Duration::from_secs(5),
            statuses: |status| status.is_server_error(),
            excluded: false,
            per_minute: PER_MINUTE,
        }
    }

    /// A response after `warning` is a warning, a response after `error` is an error. Defaults to 2 s and 5 s.
    ///
    /// # Errors
    ///
    /// If `error` is not longer than `warning`.
    pub fn slower_than(mut self, warning: Duration, error: Duration) -> Result<Self, ConfigError> {
        if error <= warning {
            let value = format!("{error:?}");
            let reason = format!("must be longer than report_policy.warning ({warning:?})");
            return Err(ConfigError::new("report_policy.error", value, reason));
        }
        (self.warning, self.error) = (warning, error);
        Ok(self)
    }

    /// Reports no request only because it was slow.
    #[must_use]
    pub fn without_slow(mut self) -> Self {
        (self.warning, self.error) = (Duration::MAX, Duration::MAX);
        self
    }

    /// The HTTP statuses that are errors. Defaults to 500 to 599. gRPC calls are judged by their gRPC status.
    #[must_use]
    pub fn statuses(mut self, statuses: fn(StatusCode) -> bool) -> Self {
        self.statuses = statuses;
        self
    }

    /// Also reports 5xx on excluded paths. Panics and `Err` on excluded paths are always reported. Defaults to off.
    #[must_use]
    pub fn include_excluded(mut self) -> Self {
        self.excluded = true;
        self
    }

    /// How many reports a minute are sent for one endpoint, category, kind of incident and type of error. Defaults
    /// to 10. With 0 nothing is reported.
    #[must_use]
    pub fn per_minute(mut self, most: u32) -> Self {
        self.per_minute = most;
        self
    }
}

impl Default for ReportPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ReportPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportPolicy")
            .field("warning", &self.warning)
            .field("error", &self.error)
            .field("excluded", &self.excluded)
            .field("per_minute", &self.per_minute)
            .finish_non_exhaustive()
    }
}
