//! Lists what is measured.

use axum::Router;

use crate::{chosen, ours, peers};

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

/// The full stack with one thing that is off by default, and the subject that has all else.
#[derive(Clone, Copy)]
pub struct Choice {
    pub subject: Subject,
    pub base: &'static str,
}

/// Each of them in the order of its row.
pub const CHOICES: &[Choice] = &[
    choice("`trace_context`", chosen::traces, OURS),
    choice(
        "`trace_context` with `b3` and a header on the response",
        chosen::all_of_traces,
        OURS,
    ),
    choice("`span`, if no subscriber listens", chosen::spans, OURS),
    choice(
        "`span` with `tracing_subscriber::fmt`, which writes no line of its own here",
        chosen::spans_for_fmt,
        OURS,
    ),
    choice(
        "`span` with the layer for spans of Sentry's SDK",
        chosen::spans_for_sentry,
        OURS,
    ),
    #[cfg(feature = "opentelemetry")]
    choice(
        "`trace_context` and `span` with a layer of OpenTelemetry, which makes a span",
        chosen::spans_for_opentelemetry,
        OURS,
    ),
    choice("`body_sizes`", chosen::sizes, OURS),
    choice("`catch_panics`", chosen::caught_panics, OURS),
    choice("`log_stuck`", chosen::watched_if_stuck, OURS),
    choice("`tower_http_extension`", chosen::extension, OURS),
    choice(
        "a `RequestIdLayer` with `make_with` on a route, within the stack",
        chosen::id_of_route,
        OURS,
    ),
    choice(
        "an `AccessLogLayer` with `level` on a route, on a JSON line",
        chosen::level_of_route,
        OURS_JSON,
    ),
    choice(
        "`exclude_rules` with one rule about a header",
        chosen::header_rule,
        OURS,
    ),
    choice(
        "`label` and `metric_prefix`",
        chosen::label_and_prefix,
        OURS,
    ),
    choice("`admin_addr`", chosen::admin_port, OURS),
    choice(
        "`level` by severity, on a JSON line",
        chosen::level_by_severity,
        OURS_JSON,
    ),
    choice(
        "`sample`, on a JSON line that is written",
        chosen::sample_that_writes,
        OURS_JSON,
    ),
    choice(
        "`sample` by severity, which leaves the JSON line out",
        chosen::sample_that_leaves_out,
        OURS_JSON,
    ),
    choice(
        "`user_agent` and `http_version`, on a JSON line",
        chosen::user_agent_and_version,
        OURS_JSON,
    ),
    choice(
        "`client_address` of the peer, on a JSON line",
        chosen::peer_in_log,
        PEER,
    ),
    choice(
        "`client_address` behind one proxy, on a JSON line",
        chosen::client_of_proxy_in_log,
        PROXY,
    ),
    choice(
        "`query` of 39 bytes with one secret, on a JSON line",
        chosen::query_in_log,
        QUERY,
    ),
    choice("a WebSocket session", chosen::sessions, MIDDLEWARE),
    choice(
        "Sentry's transactions at the rate 0",
        chosen::transactions,
        OURS,
    ),
];

/// What a choice is compared with, where the full stack alone is not enough.
const BASES: &[Subject] = &[
    subject(PEER, chosen::peer),
    subject(PROXY, chosen::proxy),
    subject(QUERY, chosen::query),
    subject(MIDDLEWARE, chosen::middleware),
];

const PEER: &str = "the address of the peer";
const PROXY: &str = "the header of a proxy";
const QUERY: &str = "a query";
const MIDDLEWARE: &str = "a middleware";

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

const fn choice(row: &'static str, around: fn(Router) -> Router, base: &'static str) -> Choice {
    let subject = subject(row, around);
    Choice { subject, base }
}

// === impl Subject ===

impl Subject {
    pub fn named(name: &str) -> &'static Self {
        let chosen = CHOICES.iter().map(|choice| &choice.subject);
        let mut all = SUBJECTS.iter().chain(BASES).chain(chosen);
        let found = all.find(|subject| subject.name == name);
        found.unwrap_or_else(|| panic!("no subject {name:?}"))
    }
}
