//! Lets the application count what did not pass a layer.

use std::time::Duration;

use http::{Method, StatusCode};

use super::warn_of_overflow;
use crate::{facts::category::ErrorCategory, metrics::Metrics};

// === impl Metrics ===

impl Metrics {
    /// Counts a request that passed no layer, such as a message from a queue, after it has ended: as one that began, that was
    /// completed with this status, and that took so long.
    ///
    /// Its severity and its category are judged as those of any other request, with the [bands](crate::metrics::Settings::bands)
    /// of these counters. There is no event in the log, and nothing for Sentry. A request that passed a layer is already counted.
    ///
    /// The endpoint is `'static`, so it cannot come from a client. Who sent the request is not kept: a name of a person has no
    /// place in a metric.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::{Method, StatusCode};
    /// use tower_vitals::metrics::Settings;
    ///
    /// let metrics = Settings::new().isolated()?;
    /// let took = Duration::from_millis(250);
    /// metrics.record_request(&Method::POST, "queue/orders", StatusCode::OK, took);
    /// assert_eq!(metrics.totals().completed, 1);
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn record_request(
        &self,
        method: &Method,
        endpoint: &'static str,
        status: StatusCode,
        duration: Duration,
    ) {
        if self.count_past(method, endpoint, status, duration) {
            warn_of_overflow(self);
        }
    }

    /// Counts a failure in `errors_total` that belongs to no request, such as one of a task, or that its response hid.
    ///
    /// A request that failed is already counted, so use [`RequestContext::category`](crate::RequestContext::category) to give that
    /// one a category. The endpoint is `'static`, so it cannot come from a client.
    ///
    /// ```
    /// use tower_vitals::{category::ErrorCategory, metrics::Settings};
    ///
    /// let metrics = Settings::new().isolated()?;
    /// metrics.record_error(ErrorCategory::Database, "nightly_rollup");
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn record_error(&self, category: ErrorCategory, endpoint: &'static str) {
        self.failed(endpoint, category, None);
    }
}
