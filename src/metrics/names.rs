//! The presets of names.

use super::series::SeriesKey;

/// The names of the metrics of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// `http_requests_total{method,endpoint,status}` and `http_request_duration_seconds{method,endpoint}`, as guides for
    /// Prometheus have them.
    #[default]
    Prometheus,
    /// The conventions of OpenTelemetry, spelt for Prometheus:
    /// `http_server_request_duration_seconds{http_request_method,http_route,http_response_status_code,url_scheme}`, with
    /// `error_type` from status 500 on, and `http_server_active_requests`.
    OpenTelemetry,
}

// === impl Names ===

impl Names {
    /// The preset of a name, as `MONITORING_METRIC_NAMES` has it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "prometheus" => Some(Self::Prometheus),
            "otel" => Some(Self::OpenTelemetry),
            _ => None,
        }
    }

    /// The name of the preset.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::OpenTelemetry => "otel",
        }
    }

    /// Whether the histograms of requests have the status as a label.
    pub(super) const fn duration_by_status(self) -> bool {
        matches!(self, Self::OpenTelemetry)
    }

    /// The labels of a histogram of requests. Without a status there, it is 0.
    pub(super) const fn key_of_duration(self, SeriesKey(method, status): SeriesKey) -> SeriesKey {
        SeriesKey(method, if self.duration_by_status() { status } else { 0 })
    }

    /// Whether each method has its own number of requests in flight.
    pub(super) const fn in_flight_by_method(self) -> bool {
        matches!(self, Self::OpenTelemetry)
    }
}
