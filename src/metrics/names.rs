//! Knows the name and the labels of each metric.

use std::sync::Arc;

use metrics::{Key, Label, SharedString};

use super::{
    series::{Series, SeriesKey},
    sink::Sink,
};
use crate::{
    facts::{
        category::ErrorCategory,
        exchange::Outcome,
        grpc,
        labels::{MethodLabel, StatusLabel},
        severity::Severity,
    },
    release::Release,
};

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

/// The names and labels of a preset.
#[derive(Debug)]
pub(super) struct MetricNames {
    method: &'static str,
    pub(super) endpoint: &'static str,
    status: &'static str,
    /// The counter of requests, if the count of the histogram does not replace it.
    pub(super) requests: Option<&'static str>,
    pub(super) duration: &'static str,
    pub(super) streams: &'static str,
    pub(super) request_bytes: &'static str,
    pub(super) response_bytes: &'static str,
    pub(super) in_flight: &'static str,
    /// The histograms have the status as a label.
    pub(super) duration_by_status: bool,
    in_flight_by_method: bool,
}

static PROMETHEUS: MetricNames = MetricNames {
    method: "method",
    endpoint: "endpoint",
    status: "status",
    requests: Some("http_requests_total"),
    duration: "http_request_duration_seconds",
    streams: "http_response_body_duration_seconds",
    request_bytes: "http_request_body_size_bytes",
    response_bytes: "http_response_body_size_bytes",
    in_flight: "http_requests_in_flight",
    duration_by_status: false,
    in_flight_by_method: false,
};

static OPEN_TELEMETRY: MetricNames = MetricNames {
    method: "http_request_method",
    endpoint: "http_route",
    status: "http_response_status_code",
    requests: None,
    duration: "http_server_request_duration_seconds",
    streams: "http_response_body_duration_seconds",
    request_bytes: "http_server_request_body_size_bytes",
    response_bytes: "http_server_response_body_size_bytes",
    in_flight: "http_server_active_requests",
    duration_by_status: true,
    in_flight_by_method: true,
};

pub(super) const STARTED: &str = "http_requests_started_total";
pub(super) const OUTCOMES: &str = "http_request_outcomes_total";
pub(super) const SEVERITIES: &str = "http_request_severities_total";
pub(super) const SEVERITIES_BY_ROUTE: &str = "http_requests_by_severity_total";
pub(super) const EXCLUDED: &str = "http_requests_excluded_total";
pub(super) const ERRORS: &str = "errors_total";
pub(super) const GRPC_HANDLED: &str = "grpc_server_handled_total";
pub(super) const GRPC_SECONDS: &str = "grpc_server_handling_seconds";
pub(super) const SESSIONS: &str = "websocket_sessions";
pub(super) const SESSION_SECONDS: &str = "websocket_session_duration_seconds";
pub(super) const HEALTH_STATUS: &str = "health_check_status";
pub(super) const HEALTH_SECONDS: &str = "health_check_duration_seconds";
pub(super) const HEALTH_LAST_SUCCESS: &str = "health_check_last_success_timestamp_seconds";
pub(super) const OVERFLOW: &str = "vitals_overflow_total";
pub(super) const HOOK_FAILURES: &str = "vitals_hook_failures_total";
pub(super) const READINESS_ERRORS: &str = "vitals_readiness_errors_total";
pub(super) const DROPPED: &str = "vitals_dropped_total";
pub(super) const BUILD_INFO: &str = "app_build_info";
pub(super) const TARGET_INFO: &str = "target_info";
pub(super) const DEPLOYED: &str = "app_deployment_timestamp_seconds";

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

    pub(super) const fn metric_names(self) -> &'static MetricNames {
        match self {
            Self::Prometheus => &PROMETHEUS,
            Self::OpenTelemetry => &OPEN_TELEMETRY,
        }
    }
}

// === impl MetricNames ===

impl MetricNames {
    /// The key of the requests counter.
    pub(super) fn requests_key(&self, name: &'static str, series: &Series) -> Key {
        Key::from_parts(
            name,
            vec![
                Label::new(self.method, method(series.key)),
                self.endpoint_label(&series.endpoint),
                Label::new(self.status, status(series.key).to_string()),
            ],
        )
    }

    /// The key of a histogram of requests.
    pub(super) fn duration_key(
        &self,
        name: &'static str,
        series: &Series,
        scheme: &'static str,
    ) -> Key {
        let mut labels = vec![
            Label::new(self.method, method(series.key)),
            self.endpoint_label(&series.endpoint),
        ];
        if self.duration_by_status {
            let status = status(series.key);
            labels.push(Label::new(self.status, status.to_string()));
            labels.push(Label::new("url_scheme", scheme));
            if status.is_server_error() {
                labels.push(Label::new("error_type", status.to_string()));
            }
        }
        Key::from_parts(name, labels)
    }

    /// The gauges of requests in flight, from their numbers `by_method`.
    pub(super) fn in_flight(
        &self,
        by_method: &[(&'static str, u64)],
        scheme: &'static str,
    ) -> Vec<(Key, u64)> {
        if !self.in_flight_by_method {
            let all = by_method.iter().map(|(_, value)| value).sum();
            return vec![(Key::from_static_name(self.in_flight), all)];
        }
        let gauge = |(method, value): &(&'static str, u64)| {
            let labels = vec![
                Label::new(self.method, *method),
                Label::new("url_scheme", scheme),
            ];
            (Key::from_parts(self.in_flight, labels), *value)
        };
        by_method.iter().map(gauge).collect()
    }

    /// The key of the counter of a severity of one endpoint.
    pub(super) fn route_severity_key(&self, endpoint: &Arc<str>, severity: Severity) -> Key {
        Key::from_parts(
            SEVERITIES_BY_ROUTE,
            vec![
                self.endpoint_label(endpoint),
                Label::new("severity", severity.as_str()),
            ],
        )
    }

    /// The key of a counter of failures.
    pub(super) fn errors_key(&self, series: &Series) -> Key {
        let category = ErrorCategory::ALL.get(usize::from(series.key.1));
        let category = category.copied().unwrap_or(ErrorCategory::ServerError);
        Key::from_parts(
            ERRORS,
            vec![
                Label::new("category", category.as_str()),
                self.endpoint_label(&series.endpoint),
            ],
        )
    }

    /// The key of the histogram of WebSocket sessions.
    pub(super) fn sessions_key(&self, series: &Series) -> Key {
        Key::from_parts(SESSION_SECONDS, vec![self.endpoint_label(&series.endpoint)])
    }

    /// The key of the counter of failures on excluded paths.
    pub(super) fn excluded_errors_key(&self) -> Key {
        Key::from_parts(
            ERRORS,
            vec![
                Label::new("category", ErrorCategory::ServerError.as_str()),
                Label::new(self.endpoint, "excluded"),
            ],
        )
    }

    fn endpoint_label(&self, endpoint: &Arc<str>) -> Label {
        Label::new(
            self.endpoint,
            SharedString::from_shared(Arc::clone(endpoint)),
        )
    }
}

pub(super) fn outcome_key(outcome: Outcome) -> Key {
    Key::from_parts(OUTCOMES, vec![Label::new("outcome", outcome.as_str())])
}

/// The key of the counter of a severity of all endpoints.
pub(super) fn severity_key(severity: Severity) -> Key {
    Key::from_parts(SEVERITIES, vec![Label::new("severity", severity.as_str())])
}

pub(super) fn build_key(release: &Release) -> Key {
    let labels = vec![
        Label::new(
            "version",
            release.version.clone().unwrap_or_else(|| "unknown".into()),
        ),
        Label::new("revision", release.revision.clone()),
        Label::new("rustc", Release::RUSTC),
    ];
    Key::from_parts(BUILD_INFO, labels)
}

/// What OpenTelemetry says of a process in Prometheus' format.
pub(super) fn target_key(release: &Release) -> Key {
    let known = [
        ("service_name", release.service.as_deref()),
        ("service_version", release.version.as_deref()),
        ("deployment_environment_name", Some(&*release.environment)),
    ];
    let labels = known.into_iter();
    let labels = labels.filter_map(|(name, value)| Some(Label::new(name, value?.to_owned())));
    Key::from_parts(TARGET_INFO, labels.collect::<Vec<_>>())
}

pub(super) fn deployment_key(version: &str) -> Key {
    Key::from_parts(DEPLOYED, vec![Label::new("version", version.to_owned())])
}

pub(super) fn dropped_key(sink: Sink) -> Key {
    Key::from_parts(DROPPED, vec![Label::new("sink", sink.as_str())])
}

/// The labels of gRPC's own libraries. They are the same in each preset.
pub(super) fn grpc_labels(series: &Series) -> Vec<Label> {
    let (service, method) = grpc::split(&series.endpoint).unwrap_or(("_OTHER", "_OTHER"));
    let kind = grpc::Kind::ALL.get(usize::from(series.key.0));
    vec![
        Label::new("grpc_type", kind.map_or("unknown", |kind| kind.as_str())),
        Label::new("grpc_service", service.to_owned()),
        Label::new("grpc_method", method.to_owned()),
    ]
}

/// The key of a counter of gRPC calls.
pub(super) fn grpc_handled_key(series: &Series) -> Key {
    let mut labels = grpc_labels(series);
    let code = u8::try_from(series.key.1).map_or("Unknown", grpc::Code::name_of);
    labels.push(Label::new("grpc_code", code));
    Key::from_parts(GRPC_HANDLED, labels)
}

fn method(key: SeriesKey) -> &'static str {
    MethodLabel::at(key.0)
}

fn status(key: SeriesKey) -> StatusLabel {
    StatusLabel::at(key.1)
}
