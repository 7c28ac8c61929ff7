//! Says what a field holds, by its name.

use super::letters;

/// The headers whose values are kept. The values of all other headers are filtered.
const SAFE_HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];

/// Fields of an item that the application sets when it starts, and the SDK's own. A release such as `shop@1.2.3` looks like
/// an e-mail address.
const UNSCRUBBED: &[&str] = &[
    "release",
    "environment",
    "dist",
    "sdk",
    "platform",
    "event_id",
    "debug_meta",
    "modules",
];

/// What a field holds.
pub(super) enum Kind {
    Headers,
    /// One header whose value is filtered.
    Header,
    /// The query of a URL.
    Query,
    /// A URL, also a relative one.
    Url,
    Environment,
    /// Sentry expects an address here, and refuses another text.
    IpAddress,
    /// An id of a span: 16 hexadecimal digits.
    SpanId,
    /// An id of 32 hexadecimal digits, or a UUID.
    Id,
    /// A number that Sentry's protocol or the SDK writes. It is no card number.
    OwnNumber,
    Request,
    /// A name that the compiler or the author of code gave. It is no URL, although some such fields are called a path or a
    /// target.
    Code,
    Other,
}

/// What a field of this name holds.
pub(super) fn kind(name: &str) -> Kind {
    match name {
        "env" => Kind::Environment,
        "ip_address" => Kind::IpAddress,
        "span_id" | "parent_span_id" | "sentry.trace.parent_span_id" => Kind::SpanId,
        "trace_id" | "check_in_id" => Kind::Id,
        "request" => Kind::Request,
        "query_string" | "url.query" | "http.query" | "url.fragment" | "http.fragment" => {
            Kind::Query
        }
        "timestamp"
        | "start_timestamp"
        | "observed_timestamp"
        | "observed_timestamp_nanos"
        | "thread_id"
        | "thread.id"
        | "lineno"
        | "colno"
        | "memory_size"
        | "free_memory"
        | "usable_memory"
        | "storage_size"
        | "free_storage"
        | "external_storage_size"
        | "external_free_storage"
        | "body_size" => Kind::OwnNumber,
        "function" | "symbol" | "module" | "module_path" | "package" | "filename" | "abs_path"
        | "file" | "logger" | "target" | "category" | "culprit" | "type" => Kind::Code,
        _ if name.starts_with("code.") || name == "sentry.tracing.target" => Kind::Code,
        _ => by_ending(name),
    }
}

fn by_ending(name: &str) -> Kind {
    let (before, header) = name.rsplit_once("header.").unwrap_or(("", name));
    if !before.is_empty() && !is_safe_header(header) {
        return Kind::Header;
    }
    let name = letters(name);
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends_with(&["headers"]) {
        Kind::Headers
    } else if ends_with(&[
        "url",
        "urls",
        "uri",
        "uris",
        "href",
        "location",
        "referer",
        "referrer",
        "target",
        "path",
        "authority",
        "proxy",
    ]) {
        Kind::Url
    } else {
        Kind::Other
    }
}

/// Whether a field at the top of an item is left as it is.
pub(super) fn is_unscrubbed(name: &str) -> bool {
    UNSCRUBBED.contains(&name)
}

pub(super) fn is_safe_header(name: &str) -> bool {
    SAFE_HEADERS.contains(&name.to_lowercase().as_str())
}
