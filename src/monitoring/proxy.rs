//! Knows a request that came through a proxy, by what proxies add and by what clients of today no longer speak.

use http::{HeaderMap, HeaderName, Version, request::Parts};

/// A name that holds one of these is of a proxy: it says for whom the proxy asks.
const HOLD: [&str; 9] = [
    "forwarded",
    "client-connection-ip",
    "client-ip",
    "clientip",
    "connecting-ip",
    "real-ip",
    "remote-addr",
    "remote-ip",
    "user-ip",
];

/// A name that begins with one of these is of a proxy, or of somebody's network of them.
const BEGIN: [&str; 8] = [
    "akamai-",
    "cf-",
    "fastly-",
    "x-akamai-",
    "x-arr-",
    "x-azure-",
    "x-envoy-",
    "x-varnish",
];

/// Names of proxies that no rule above finds.
const NAMES: [&str; 10] = [
    "cdn-loop",
    "proxy-connection",
    "via",
    "x-amzn-trace-id",
    "x-client-port",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-scheme",
];

/// Whether a request came through a proxy, so that its peer is not its client. A proxy that speaks HTTP/1.1 and adds nothing is
/// not found.
pub(super) fn was_between(request: &Parts) -> bool {
    // nginx asks by HTTP/1.0 unless it is told otherwise, and adds nothing then.
    request.version < Version::HTTP_11 || has_a_name_of_one(&request.headers)
}

fn has_a_name_of_one(headers: &HeaderMap) -> bool {
    headers.keys().map(HeaderName::as_str).any(|name| {
        NAMES.contains(&name)
            || HOLD.iter().any(|part| name.contains(part))
            || BEGIN.iter().any(|start| name.starts_with(start))
    })
}
