//! The families of requests, of health checks, and of this crate itself.

use super::{Buckets, Entry, Id, Unit, bytes, counter, gauge, seconds};

const ROUTE: &[&str] = &["method", "endpoint"];
const ROUTE_AND_STATUS: &[&str] = &["method", "endpoint", "status"];
const GRPC_METHOD: &[&str] = &["grpc_type", "grpc_service", "grpc_method"];

/// The labels of the histograms of requests in OpenTelemetry's conventions.
const OTEL_REQUEST: &[&str] = &[
    "http_request_method",
    "http_route",
    "http_response_status_code",
    "url_scheme",
    "error_type",
];

/// In the order in which they are published.
pub(super) static FAMILIES: [Entry; 26] = [
    counter(Id::Started, "http_requests_started_total", &[])
        .help("Requests that began: the ended and those in flight."),
    counter(Id::Requests, "http_requests_total", ROUTE_AND_STATUS)
        .help("Requests that ended, by method, route and status.")
        .without_otel(),
    seconds(Id::Duration, "http_request_duration_seconds", ROUTE)
        .help("Time from the request to the head of its response, without the waits for the client's body.")
        .otel("http_server_request_duration_seconds", OTEL_REQUEST),
    seconds(Id::Streams, "http_response_body_duration_seconds", ROUTE)
        .buckets(Buckets::Streams)
        .help("Time from the request to the end of a streamed response.")
        .otel("http_response_body_duration_seconds", OTEL_REQUEST),
    gauge(Id::InFlight, "http_requests_in_flight", &[])
        .help("Requests that began and have not ended.")
        .otel("http_server_active_requests", &["http_request_method", "url_scheme"]),
    counter(Id::Severities, "http_request_severities_total", &["severity"])
        .help("Requests that ended, by severity."),
    counter(
        Id::SeveritiesByRoute,
        "http_requests_by_severity_total",
        &["endpoint", "severity"],
    )
    .help("Requests that ended, by route and by the severities that the route had.")
    .otel("http_requests_by_severity_total", &["http_route", "severity"]),
    counter(Id::Outcomes, "http_request_outcomes_total", &["outcome"])
        .help("Requests that ended, by the way they ended."),
    counter(Id::Excluded, "http_requests_excluded_total", &[])
        .help("Requests on excluded paths, counted here alone."),
    counter(Id::Errors, "errors_total", &["category", "endpoint"])
        .help("Requests that failed, by category and route.")
        .otel("errors_total", &["category", "http_route"]),
    counter(
        Id::GrpcHandled,
        "grpc_server_handled_total",
        &["grpc_type", "grpc_service", "grpc_method", "grpc_code"],
    )
    .help("gRPC calls that ended, by method and status."),
    seconds(Id::GrpcDuration, "grpc_server_handling_seconds", GRPC_METHOD)
        .help("Time from the start of a gRPC call to its end."),
    gauge(Id::HealthStatus, "health_check_status", &["check"]).help(
        "How a check found its dependency: 1 healthy, 0.5 degraded, 0 unhealthy or unknown.",
    ),
    seconds(Id::HealthDuration, "health_check_duration_seconds", &["check"])
        .buckets(Buckets::Checks)
        .help("Time that a check took to answer."),
    gauge(
        Id::HealthLastSuccess,
        "health_check_last_success_timestamp_seconds",
        &["check"],
    )
    .unit(Unit::Seconds)
    .help("When a check last found its dependency well, in seconds since 1970."),
    gauge(Id::Sessions, "websocket_sessions", &[])
        .help("WebSocket sessions that began and have not ended."),
    seconds(Id::SessionDuration, "websocket_session_duration_seconds", &["endpoint"])
        .buckets(Buckets::Streams)
        .help("Time from the begin of a WebSocket session to its end.")
        .otel("websocket_session_duration_seconds", &["http_route"]),
    bytes(Id::RequestBytes, "http_request_body_size_bytes", ROUTE)
        .help("Bytes of the request's body that the service read.")
        .otel("http_server_request_body_size_bytes", OTEL_REQUEST),
    bytes(Id::ResponseBytes, "http_response_body_size_bytes", ROUTE)
        .help("Bytes of the response's body that the service gave.")
        .otel("http_server_response_body_size_bytes", OTEL_REQUEST),
    counter(Id::Overflow, "vitals_overflow_total", &[])
        .help("Requests whose route, work whose name, and recordings of the application whose labels no longer fitted under the cap."),
    counter(Id::HookFailures, "vitals_hook_failures_total", &[])
        .help("Panics and nonsense from code that was plugged in."),
    counter(Id::ReadinessErrors, "vitals_readiness_errors_total", &[])
        .help("Services that failed before they took a request."),
    counter(Id::Dropped, "vitals_dropped_total", &["sink"])
        .help("Reports that a sink did not take."),
    gauge(Id::Build, "app_build_info", &["version", "revision", "rustc"])
        .help("1, with what the process is a build of."),
    gauge(
        Id::Target,
        "target_info",
        &["service_name", "service_version", "deployment_environment_name"],
    )
    .help("1, with the service, the version and the environment of the process."),
    gauge(Id::Deployed, "app_deployment_timestamp_seconds", &["version"])
        .unit(Unit::Seconds)
        .help("When a version was deployed, in seconds since 1970."),
];
