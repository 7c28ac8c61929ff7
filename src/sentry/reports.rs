//! Says of which requests Sentry is told.

use std::{fmt, time::Duration};

use http::StatusCode;
use sentry::Level;

use super::incident::Kind;
use crate::{config::ConfigError, exchange::Outcome, observe::Facts, timing};

/// How often one incident is told.
pub(super) const PER_MINUTE: u32 = 10;

/// SeriesKey requests Sentry is told of.
///
/// By default: an answer of 500 to 599, a gRPC status that is the server's fault, an `Err` and a panic as errors; an answer after 2 s
/// as a warning, after 5 s as an error. Of one endpoint, category and kind at most 10 a minute; the rest is counted in
/// `vitals_dropped_total{sink="sentry_flood"}`.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::sentry::Reports;
///
/// let reports = Reports::new()
///     .slower_than(Duration::from_secs(1), Duration::from_secs(10))?
///     .statuses(|status| status.is_server_error() || status.as_u16() == 429);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Reports {
    warning: Duration,
    error: Duration,
    statuses: fn(StatusCode) -> bool,
    pub(super) excluded: bool,
    pub(super) per_minute: u32,
}

// === impl Reports ===

impl Reports {
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

    /// An answer after `warning` is a warning, one after `error` an error.
    ///
    /// # Errors
    ///
    /// When `error` is not longer than `warning`.
    pub fn slower_than(mut self, warning: Duration, error: Duration) -> Result<Self, ConfigError> {
        if error <= warning {
            let reason = format!("must be longer than reports.warning ({warning:?})");
            return Err(ConfigError::new(
                "reports.error",
                format!("{error:?}"),
                reason,
            ));
        }
        (self.warning, self.error) = (warning, error);
        Ok(self)
    }

    /// Tells of no request only because it took long.
    #[must_use]
    pub fn not_slow(mut self) -> Self {
        (self.warning, self.error) = (Duration::MAX, Duration::MAX);
        self
    }

    /// SeriesKey answers of plain HTTP are errors. Defaults to 500 to 599.
    #[must_use]
    pub fn statuses(mut self, statuses: fn(StatusCode) -> bool) -> Self {
        self.statuses = statuses;
        self
    }

    /// Tells of 5xx on excluded paths as well; of panics and `Err` there it always does.
    #[must_use]
    pub fn excluded_too(mut self) -> Self {
        self.excluded = true;
        self
    }

    /// How often a minute one endpoint, category and kind is told of. Defaults to 10; 0 tells nothing.
    #[must_use]
    pub fn per_minute(mut self, most: u32) -> Self {
        self.per_minute = most;
        self
    }

    pub(super) fn kind(&self, facts: &Facts) -> Option<Kind> {
        let failed = match (facts.outcome, &facts.grpc, facts.status) {
            (Outcome::Panicked, ..) => return Some(Kind::Panicked),
            (Outcome::Completed | Outcome::Aborted, None, Some(status)) => (self.statuses)(status),
            _ => timing::is_failure(facts),
        };
        match facts.judged {
            _ if failed => Some(Kind::Failed),
            _ if facts.outcome == Outcome::Cancelled => None,
            judged if judged >= self.error => Some(Kind::Slow(Level::Error)),
            judged if judged >= self.warning => Some(Kind::Slow(Level::Warning)),
            _ => None,
        }
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports")
            .field("warning", &self.warning)
            .field("error", &self.error)
            .field("excluded", &self.excluded)
            .field("per_minute", &self.per_minute)
            .finish_non_exhaustive()
    }
}
