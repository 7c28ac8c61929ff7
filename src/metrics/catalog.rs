//! The one table of all families of metrics: their names, kinds, units, labels and buckets, and what they tell.
//!
//! Whatever publishes, describes or documents a metric reads this table. No other room spells a name.

use super::{
    names::Names,
    samples::{Kind, Unit},
};

/// A family of metrics of this crate.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Unit>,
    pub(crate) help: &'static str,
    pub(crate) buckets: Option<Buckets>,
    /// By preset, in the order of [`Names`]. A preset can lack a family.
    spelling: [Option<Spelling>; 2],
}

/// The name of a family and those of its labels, in one preset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    pub(crate) name: &'static str,
    /// A series has those of them that have a value.
    pub(crate) labels: &'static [&'static str],
}

/// The buckets of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// Times to the head of a response.
    Requests,
    /// Times to the end of a stream.
    Streams,
    Sizes,
    /// Latencies of health checks.
    Checks,
}

/// Tells families apart, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Started,
    Requests,
    Duration,
    Streams,
    InFlight,
    Severities,
    SeveritiesByRoute,
    Outcomes,
    Excluded,
    Errors,
    GrpcHandled,
    GrpcDuration,
    HealthStatus,
    HealthDuration,
    HealthLastSuccess,
    Sessions,
    SessionDuration,
    RequestBytes,
    ResponseBytes,
    Overflow,
    HookFailures,
    ReadinessErrors,
    Dropped,
    Build,
    Target,
    Deployed,
}

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

/// All families, in the order in which they are published.
pub(crate) static CATALOG: [Entry; 26] = [
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
        .help("Requests whose route, and recordings of the application whose labels, no longer fitted under the cap."),
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

// === impl Entry ===

impl Entry {
    /// How a preset spells the family. `None` if it has no such family.
    pub(crate) const fn spelling(&self, names: Names) -> Option<Spelling> {
        self.spelling[names as usize]
    }

    const fn new(id: Id, kind: Kind, name: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            id,
            kind,
            unit: None,
            help: "",
            buckets: None,
            spelling: [Some(Spelling { name, labels }); 2],
        }
    }

    const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    const fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    const fn buckets(mut self, buckets: Buckets) -> Self {
        self.buckets = Some(buckets);
        self
    }

    const fn otel(mut self, name: &'static str, labels: &'static [&'static str]) -> Self {
        self.spelling[Names::OpenTelemetry as usize] = Some(Spelling { name, labels });
        self
    }

    const fn without_otel(mut self) -> Self {
        self.spelling[Names::OpenTelemetry as usize] = None;
        self
    }
}

const fn counter(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    Entry::new(id, Kind::Counter, name, labels)
}

const fn gauge(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    Entry::new(id, Kind::Gauge, name, labels)
}

const fn seconds(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    let histogram = Entry::new(id, Kind::Histogram, name, labels);
    histogram.unit(Unit::Seconds).buckets(Buckets::Requests)
}

const fn bytes(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    let histogram = Entry::new(id, Kind::Histogram, name, labels);
    histogram.unit(Unit::Bytes).buckets(Buckets::Sizes)
}

/// Whether a family has a label of this name, in any preset.
pub(crate) fn has_label(name: &str) -> bool {
    let spellings = CATALOG.iter().flat_map(|entry| entry.spelling);
    let mut labels = spellings.flatten().flat_map(|spelling| spelling.labels);
    labels.any(|label| *label == name)
}

/// Whether samples of a family have this name in a preset.
pub(crate) fn has_sample(name: &str, names: Names) -> bool {
    CATALOG.iter().any(|entry| {
        let family = entry.spelling(names).map(|spelling| spelling.name);
        let rest = family.and_then(|family| name.strip_prefix(family));
        rest.is_some_and(|rest| entry.kind.suffixes().contains(&rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_family_in_its_place_and_describes_it() {
        for (index, entry) in CATALOG.iter().enumerate() {
            assert_eq!(entry.id as usize, index, "{entry:?}");
            assert!(entry.help.ends_with('.'), "{entry:?}");
            let histogram = entry.kind == Kind::Histogram;
            assert_eq!(entry.buckets.is_some(), histogram, "{entry:?}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for names in [Names::Prometheus, Names::OpenTelemetry] {
            let spelt = CATALOG
                .iter()
                .filter_map(|entry| Some((entry, entry.spelling(names)?.name)));
            let mut seen = Vec::new();
            for (entry, name) in spelt {
                assert!(!seen.contains(&name), "{name}");
                seen.push(name);
                assert_eq!(
                    name.ends_with("_total"),
                    entry.kind == Kind::Counter,
                    "{name}"
                );
                let unit = match entry.unit {
                    Some(Unit::Seconds) => "_seconds",
                    Some(Unit::Bytes) => "_bytes",
                    None => "",
                };
                assert!(name.ends_with(unit), "{name}");
            }
        }
    }

    #[test]
    fn every_name_that_a_sample_of_a_family_can_have_is_known() {
        let has = |name: &str| has_sample(name, Names::Prometheus);
        for end in ["", "_bucket", "_sum", "_count", "_created"] {
            assert!(has(&format!("http_request_duration_seconds{end}")), "{end}");
            let counter = format!("errors_total{end}");
            assert_eq!(has(&counter), end.is_empty(), "{counter}");
        }
        assert!(!has("http_server_request_duration_seconds"));
    }

    /// The names between backquotes.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_on_metrics_has_a_row_for_each_family() {
        let page = include_str!("../../docs/metrics.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut told: Vec<_> = rows
            .map(|row| {
                let mut cells = row.split('|').map(str::trim);
                let name = cells.next().unwrap().trim_end_matches('`');
                let kind = cells.next().unwrap();
                let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                (name, kind, quoted(cells.next().unwrap()))
            })
            .collect();
        let mut families: Vec<_> = CATALOG
            .iter()
            .map(|entry| {
                let Spelling { name, labels } = entry.spelling(Names::Prometheus).unwrap();
                (name, entry.kind.as_str(), labels.to_vec())
            })
            .collect();
        told.sort();
        families.sort();
        assert_eq!(told, families);
    }
}
