//! Describes each family of metrics: its kind, its unit, and what it tells.

use metrics::{Recorder, Unit};

use super::{
    names::{self, MetricNames},
    naming::Naming,
};

/// A family, without what the application adds to its name.
pub(super) struct Family {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    text: &'static str,
}

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Gives a recorder the description of each family.
pub(super) fn describe(names: &MetricNames, naming: &Naming, recorder: &dyn Recorder) {
    for family in all(names) {
        let (name, unit, text) = (naming.name(family.name), Some(family.unit), family.text);
        match family.kind {
            Kind::Counter => recorder.describe_counter(name, unit, text.into()),
            Kind::Gauge => recorder.describe_gauge(name, unit, text.into()),
            Kind::Histogram => recorder.describe_histogram(name, unit, text.into()),
        }
    }
}

/// All families of a preset.
fn all(names: &MetricNames) -> Vec<Family> {
    let requests = names.requests.map(|requests| {
        counter(
            requests,
            "Requests that ended, by method, route and status.",
        )
    });
    let of_requests = [
        counter(
            names::STARTED,
            "Requests that began: the ended and those in flight.",
        ),
        counter(
            names::OUTCOMES,
            "Requests that ended, by the way they ended.",
        ),
        counter(names::SEVERITIES, "Requests that ended, by severity."),
        counter(
            names::SEVERITIES_BY_ROUTE,
            "Requests that ended, by route and by the severities that the route had.",
        ),
        counter(
            names::EXCLUDED,
            "Requests on excluded paths, counted here alone.",
        ),
        counter(
            names::ERRORS,
            "Requests that failed, by category and route.",
        ),
        gauge(
            names.in_flight,
            Unit::Count,
            "Requests that began and have not ended.",
        ),
        seconds(
            names.duration,
            "Time from the request to the head of its response, without the waits for the client's body.",
        ),
        seconds(
            names.streams,
            "Time from the request to the end of a streamed response.",
        ),
        bytes(
            names.request_bytes,
            "Bytes of the request's body that the service read.",
        ),
        bytes(
            names.response_bytes,
            "Bytes of the response's body that the service gave.",
        ),
        gauge(
            names::SESSIONS,
            Unit::Count,
            "WebSocket sessions that began and have not ended.",
        ),
        seconds(
            names::SESSION_SECONDS,
            "Time from the begin of a WebSocket session to its end.",
        ),
        counter(
            names::GRPC_HANDLED,
            "gRPC calls that ended, by method and status.",
        ),
        seconds(
            names::GRPC_SECONDS,
            "Time from the start of a gRPC call to its end.",
        ),
    ];
    let of_the_process = [
        gauge(
            names::HEALTH_STATUS,
            Unit::Count,
            "How a check found its dependency: 1 healthy, 0.5 degraded, 0 unhealthy or unknown.",
        ),
        seconds(names::HEALTH_SECONDS, "Time that a check took to answer."),
        gauge(
            names::HEALTH_LAST_SUCCESS,
            Unit::Seconds,
            "When a check last found its dependency well, in seconds since 1970.",
        ),
        gauge(
            names::BUILD_INFO,
            Unit::Count,
            "1, with what the process is a build of.",
        ),
        gauge(
            names::TARGET_INFO,
            Unit::Count,
            "1, with the service, the version and the environment of the process.",
        ),
        gauge(
            names::DEPLOYED,
            Unit::Seconds,
            "When a version was deployed, in seconds since 1970.",
        ),
        counter(
            names::OVERFLOW,
            "Requests whose route no longer fitted under the cap.",
        ),
        counter(
            names::HOOK_FAILURES,
            "Panics and nonsense from code that was plugged in.",
        ),
        counter(
            names::READINESS_ERRORS,
            "Services that failed before they took a request.",
        ),
        counter(names::DROPPED, "Reports that a sink did not take."),
    ];
    let of_requests = requests.into_iter().chain(of_requests);
    of_requests.chain(of_the_process).collect()
}

const fn counter(name: &'static str, text: &'static str) -> Family {
    let (kind, unit) = (Kind::Counter, Unit::Count);
    Family {
        name,
        kind,
        unit,
        text,
    }
}

const fn gauge(name: &'static str, unit: Unit, text: &'static str) -> Family {
    let kind = Kind::Gauge;
    Family {
        name,
        kind,
        unit,
        text,
    }
}

const fn seconds(name: &'static str, text: &'static str) -> Family {
    histogram(name, Unit::Seconds, text)
}

const fn bytes(name: &'static str, text: &'static str) -> Family {
    histogram(name, Unit::Bytes, text)
}

const fn histogram(name: &'static str, unit: Unit, text: &'static str) -> Family {
    let kind = Kind::Histogram;
    Family {
        name,
        kind,
        unit,
        text,
    }
}
