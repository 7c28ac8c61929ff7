//! Counts what did not pass a layer.

use std::time::Duration;

use http::{Method, StatusCode};

use super::Metrics;
use crate::facts::{
    Facts, exchange::Outcome, judge, labels::MethodLabel, route::Endpoint, severity::SeverityBands,
};

// === impl Metrics ===

impl Metrics {
    /// Counts a request that has ended. Returns `true` if its endpoint is the first that is over the cap.
    pub(crate) fn count_past(
        &self,
        method: &Method,
        endpoint: &'static str,
        status: StatusCode,
        duration: Duration,
    ) -> bool {
        let method = MethodLabel::new(method);
        let facts = past(self.settings().bands, endpoint, status, duration);
        self.start(method);
        let first_overflow = self.end(method, &facts, None);
        if let Some(category) = judge::category(&facts) {
            let error_type = category.is_of_server().then(|| judge::error_type(&facts));
            self.failed(endpoint, category, error_type);
        }
        first_overflow
    }
}

/// The facts of a request that was answered with this status after this time.
fn past(
    bands: SeverityBands,
    endpoint: &'static str,
    status: StatusCode,
    duration: Duration,
) -> Facts {
    Facts {
        outcome: Outcome::Completed,
        status: Some(status),
        head: duration,
        wait: Duration::ZERO,
        total: duration,
        bytes: 0,
        request_bytes: None,
        body_sizes: false,
        streamed: false,
        length_mismatch: false,
        endpoint: Some(Endpoint::Named(endpoint)),
        bands,
        judged: duration,
        grpc: None,
        evidence: None,
        handler: None,
        report_policy: None,
        log_policy: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{category::ErrorCategory, severity::Severity},
        metrics::Settings,
    };

    const ENDPOINT: &str = "after_the_fact";

    #[test]
    fn what_is_counted_after_the_fact_begins_and_ends() {
        let metrics = Settings::new().isolated().unwrap();
        for status in [200, 404, 499, 500] {
            let status = StatusCode::from_u16(status).unwrap();
            metrics.count_past(&Method::POST, ENDPOINT, status, Duration::from_millis(3));
        }
        metrics.failed(ENDPOINT, ErrorCategory::Database, None);
        let totals = metrics.totals();
        let counts = (totals.started, totals.completed, totals.in_flight);
        assert_eq!(counts, (4, 4, 0));
    }

    #[test]
    fn only_the_first_endpoint_over_the_cap_is_told() {
        let metrics = Settings::new().endpoint_cap(1).isolated().unwrap();
        let count =
            |endpoint| metrics.count_past(&Method::GET, endpoint, StatusCode::OK, Duration::ZERO);
        assert_eq!(["/a", "/b", "/c"].map(count), [false, true, false]);
        assert_eq!(metrics.totals().overflow, 2);
    }

    #[test]
    fn a_request_after_the_fact_is_judged_as_one_that_passed_a_layer() {
        use ErrorCategory::{ExternalService, NotFound, ServerError, Validation};
        use Severity::{Critical, Normal, Slow, Warning};
        for (status, millis, severity, category) in [
            (200, 99, Normal, None),
            (200, 100, Slow, None),
            (404, 499, Slow, Some(NotFound)),
            (404, 500, Warning, Some(NotFound)),
            (200, 2_000, Critical, None),
            (499, 1, Normal, Some(Validation)),
            (500, 1, Critical, Some(ServerError)),
            (502, 1, Critical, Some(ExternalService)),
        ] {
            let duration = Duration::from_millis(millis);
            let code = StatusCode::from_u16(status).unwrap();
            let facts = past(SeverityBands::default(), ENDPOINT, code, duration);
            assert_eq!(judge::severity(&facts), Some(severity), "{status} {millis}");
            assert_eq!(judge::category(&facts), category, "{status} {millis}");
        }
    }
}
