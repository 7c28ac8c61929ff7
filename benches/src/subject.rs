//! Lists what is measured.

use axum::Router;

use crate::{ours, peers};

/// Something that can stand around the application.
#[derive(Clone, Copy)]
pub struct Subject {
    pub name: &'static str,
    pub around: fn(Router) -> Router,
}

/// The first is what all others are compared with.
pub const SUBJECTS: &[Subject] = &[
    subject("bare", peers::bare),
    subject("a layer that does nothing", peers::nothing),
    subject("five layers that do nothing", peers::nothing_five_times),
    subject("ours: request id", ours::request_id),
    subject("ours: timing", ours::timing),
    subject("ours: category", ours::category),
    subject("ours: log, no subscriber", ours::log),
    subject("ours: log, JSON", ours::log_json),
    subject("ours: Sentry scope", ours::sentry_scope),
    subject(WITHOUT_SENTRY, ours::without_sentry),
    subject(OURS, ours::full),
    subject("ours: full stack, sizes of bodies", ours::full_with_sizes),
    subject(
        "ours: full stack, caught panics",
        ours::full_catching_panics,
    ),
    subject("ours: full stack, rule of exclusion", ours::full_with_rule),
    subject("ours: full stack, label and prefix", ours::full_with_labels),
    subject(
        "ours: full stack, JSON log, chosen fields",
        ours::full_json_with_fields,
    ),
    subject("ours: full stack, log_stuck", ours::full_watching_stuck),
    subject(
        "ours: full stack, extension of tower-http",
        ours::full_with_extension,
    ),
    subject(
        "ours: full stack, id of a route",
        ours::full_with_id_of_route,
    ),
    subject(
        "ours: full stack, JSON log, level of a route",
        ours::full_json_with_level_of_route,
    ),
    subject("ours: full stack, trace context", ours::full_with_traces),
    subject(
        "ours: full stack, trace context, b3, header",
        ours::full_with_all_of_traces,
    ),
    subject(
        "ours: full stack, span, no subscriber",
        ours::full_with_spans,
    ),
    subject("ours: full stack, span, fmt", ours::full_with_spans_for_fmt),
    subject(
        "ours: full stack, span, Sentry's own layer",
        ours::full_with_spans_for_sentry,
    ),
    subject(EXCLUDED, ours::excluded),
    subject(OURS_JSON, ours::full_json),
    subject(
        "ours: full stack, our layer for Sentry in the subscriber",
        ours::full_with_our_tracing_layer,
    ),
    subject(
        "ours: full stack, Sentry's own layer in the subscriber",
        ours::full_with_sentrys_tracing_layer,
    ),
    subject("tower-http Trace, no subscriber", peers::trace),
    subject("tower-http Trace, JSON", peers::trace_json),
    subject("tower-http request id", peers::request_id),
    subject(PROMETHEUS, peers::prometheus),
    subject("sentry-tower hub", peers::sentry_hub),
    subject("sentry-tower hub and http", peers::sentry),
    subject("opentelemetry-instrumentation-tower", peers::opentelemetry),
    subject("tower-otel", peers::tower_otel),
    subject(PEERS, peers::full),
    subject(PEERS_IN_ONE, peers::full_in_one),
    subject(PEERS_JSON, peers::full_json),
    subject(
        "peers: full stack in one ServiceBuilder, JSON log",
        peers::full_in_one_json,
    ),
];

pub const WITHOUT_SENTRY: &str = "ours: full stack without Sentry";
pub const OURS: &str = "ours: full stack";
pub const EXCLUDED: &str = "ours: full stack, excluded path";
pub const OURS_JSON: &str = "ours: full stack, JSON log";
pub const PROMETHEUS: &str = "axum-prometheus";
pub const PEERS: &str = "peers: full stack";
pub const PEERS_IN_ONE: &str = "peers: full stack in one ServiceBuilder";
pub const PEERS_JSON: &str = "peers: full stack, JSON log";

const fn subject(name: &'static str, around: fn(Router) -> Router) -> Subject {
    Subject { name, around }
}

// === impl Subject ===

impl Subject {
    pub fn named(name: &str) -> &'static Self {
        let found = SUBJECTS.iter().find(|subject| subject.name == name);
        found.unwrap_or_else(|| panic!("no subject {name:?}"))
    }
}
