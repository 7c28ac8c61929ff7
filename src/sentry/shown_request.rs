//! Shows a request in events: four headers, no body, and no values in its query.

use http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority};
use sentry::protocol::Request;

use crate::{
    facts::{
        exchange::Exchange,
        sentry_data::{KEPT_HEADERS, SentryData},
    },
    scrub::urls::url_without_secrets,
};

/// The headers that events show, in the order in which they are kept.
const SHOWN: [HeaderName; 4] = [
    header::HOST,
    header::USER_AGENT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
];

/// The headers that name the trace of the caller. They are kept after those that are shown. No other header is kept.
const TRACES: [&str; 2] = ["sentry-trace", "traceparent"];

pub(super) fn of(exchange: &Exchange, sentry: &SentryData) -> Request {
    let named = SHOWN.iter().zip(&sentry.headers);
    let headers = named.filter_map(|(name, value)| {
        let value = value.as_ref()?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let scheme = if sentry.is_https { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", host(sentry), exchange.target());
    Request {
        method: Some(exchange.method().into()),
        url: url_without_secrets(&url).parse().ok(),
        headers: headers.collect(),
        ..Request::default()
    }
}

/// The host to which the request was sent, without a user. HTTP/2 has it in the target, and what the target says is said first.
fn host(sentry: &SentryData) -> &str {
    let in_target = sentry.authority.as_ref().map(Authority::as_str);
    let in_header = || {
        let host = sentry.headers[0].as_ref()?.to_str().ok()?;
        // Anything else would become part of the path.
        host.parse::<Authority>().ok().map(|_| host)
    };
    let host = in_target.or_else(in_header).unwrap_or("unknown");
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// `sentry-trace` and `traceparent`, as far as the caller sent them.
pub(super) fn traces(sentry: &SentryData) -> [Option<&str>; 2] {
    let text = |place: usize| sentry.headers[SHOWN.len() + place].as_ref()?.to_str().ok();
    [text(0), text(1)]
}

/// The headers that are kept. One walk past all is cheaper than a look-up by hash for each.
#[inline]
pub(super) fn kept(headers: &HeaderMap) -> [Option<HeaderValue>; KEPT_HEADERS] {
    let mut kept = [const { None }; KEPT_HEADERS];
    for (name, value) in headers {
        let place = match *name {
            header::HOST => 0,
            header::USER_AGENT => 1,
            header::CONTENT_TYPE => 2,
            header::CONTENT_LENGTH => 3,
            _ => match TRACES.iter().position(|trace| name == trace) {
                Some(place) => SHOWN.len() + place,
                None => continue,
            },
        };
        kept[place].get_or_insert_with(|| value.clone());
    }
    kept
}
