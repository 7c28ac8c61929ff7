//! Shows a request in events: four headers, no body, and no values in its query.

use http::{HeaderMap, HeaderValue, header, uri::Authority};
use sentry::protocol::Request;

use crate::{
    facts::{
        exchange::Exchange,
        sentry_data::{KEPT_HEADERS, SentryData},
    },
    scrub::urls::url_without_secrets,
};

/// The headers that events show, in the order in which they are kept. No other header is kept.
const HEADERS: [header::HeaderName; KEPT_HEADERS] = [
    header::HOST,
    header::USER_AGENT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
];

pub(super) fn of(exchange: &Exchange, sentry: &SentryData) -> Request {
    let named = HEADERS.iter().zip(&sentry.headers);
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

/// The headers that are kept. One walk past all is cheaper than four look-ups by hash.
#[inline]
pub(super) fn kept(headers: &HeaderMap) -> [Option<HeaderValue>; KEPT_HEADERS] {
    let mut kept = [const { None }; KEPT_HEADERS];
    for (name, value) in headers {
        let place = match *name {
            header::HOST => 0,
            header::USER_AGENT => 1,
            header::CONTENT_TYPE => 2,
            header::CONTENT_LENGTH => 3,
            _ => continue,
        };
        kept[place].get_or_insert_with(|| value.clone());
    }
    kept
}
