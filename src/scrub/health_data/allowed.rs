//! Lists what may leave of data about people's health.

/// Fields of every item: ids, times, and what is set when the process starts.
pub(in crate::scrub) const ITEM: &[&str] = &[
    "event_id",
    "level",
    "timestamp",
    "start_timestamp",
    "release",
    "environment",
    "sdk",
    "debug_meta",
];

pub(in crate::scrub) const SPAN: &[&str] = &[
    "span_id",
    "trace_id",
    "parent_span_id",
    "same_process_as_parent",
    "timestamp",
    "start_timestamp",
    "status",
];

/// Fields of a frame beside the names of code. Its variables and the lines of source around it are none of them.
pub(in crate::scrub) const FRAME: &[&str] = &[
    "package",
    "filename",
    "abs_path",
    "lineno",
    "colno",
    "in_app",
    "image_addr",
    "instruction_addr",
    "symbol_addr",
    "addr_mode",
];

pub(in crate::scrub) const SESSION: &[&str] = &[
    "sid",
    "seq",
    "timestamp",
    "started",
    "init",
    "duration",
    "status",
    "errors",
    "exited",
    "errored",
    "abnormal",
    "crashed",
];

pub(in crate::scrub) const CHECK_IN: &[&str] = &[
    "check_in_id",
    "status",
    "environment",
    "duration",
    "monitor_config",
];

/// Contexts with their types and the fields that stay.
pub(in crate::scrub) const CONTEXTS: &[(&str, &str, &[&str])] = &[
    ("os", "os", &["name", "version", "build", "kernel_version"]),
    ("device", "device", &["family", "model", "arch"]),
    ("rust", "runtime", &["name", "version", "channel"]),
    ("runtime", "runtime", &["name", "version"]),
    ("response", "response", &["status_code"]),
    (
        "trace",
        "trace",
        &["trace_id", "span_id", "parent_span_id", "status"],
    ),
];

/// Tags and extras with the values that they can have.
pub(in crate::scrub) const CLOSED: &[(&str, &[&str])] = &[
    (
        "method",
        &[
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
            "_OTHER",
        ],
    ),
    ("severity", &["normal", "slow", "warning", "critical"]),
    (
        "error_category",
        &[
            "authentication",
            "validation",
            "not_found",
            "conflict",
            "server_error",
            "external_service",
            "database",
            "timeout",
            "rate_limit",
        ],
    ),
    (
        "outcome",
        &[
            "completed",
            "body_error",
            "aborted",
            "cancelled",
            "error",
            "panicked",
        ],
    ),
];

/// Tags of this crate's own that are names in the application's code.
pub(in crate::scrub) const OWN_TAGS: &[&str] = &["check", "circuit", "external_service"];

/// Extras of this crate's own that are numbers.
pub(in crate::scrub) const NUMBERS: &[&str] =
    &["head_ms", "wait_ms", "total_ms", "latency_ms", "held_back"];
