//! Shows a request in events: four headers, no body, and no values in its query.

use http::{HeaderName, header, uri::Authority};
use sentry::protocol::Request;

use crate::{
    facts::{
        exchange::Exchange,
        request_texts::{KEPT_TEXTS, RequestTexts},
        sentry_data::SentryData,
    },
    observe::RequestHead,
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
const TRACES: [HeaderName; 2] = [
    HeaderName::from_static("sentry-trace"),
    HeaderName::from_static("traceparent"),
];

/// The place of the host in the request's target, which HTTP/2 has instead of a header. It is the last.
const AUTHORITY: usize = KEPT_TEXTS - 1;

pub(super) fn of(exchange: &Exchange, sentry: &SentryData) -> Request {
    let texts = exchange.sentry_texts();
    let headers = SHOWN.iter().enumerate().filter_map(|(place, name)| {
        let value = text(texts, place)?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let scheme = if sentry.is_https { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", host(texts), exchange.target());
    Request {
        method: Some(exchange.method().into()),
        url: url_without_secrets(&url).parse().ok(),
        headers: headers.collect(),
        ..Request::default()
    }
}

/// The host to which the request was sent, without a user. HTTP/2 has it in the target, and what the target says is said first.
fn host(texts: &RequestTexts) -> &str {
    let in_target = text(texts, AUTHORITY);
    let in_header = || {
        let host = text(texts, 0)?;
        // Anything else would become part of the path.
        host.parse::<Authority>().ok().map(|_| host)
    };
    let host = in_target.or_else(in_header).unwrap_or("unknown");
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// `sentry-trace` and `traceparent`, as far as the caller sent them.
pub(super) fn traces(texts: &RequestTexts) -> [Option<&str>; 2] {
    let place = |trace: usize| text(texts, SHOWN.len() + trace);
    [place(0), place(1)]
}

/// A kept text, if it is visible ASCII as a text of HTTP should be.
fn text(texts: &RequestTexts, place: usize) -> Option<&str> {
    let text = str::from_utf8(texts.get(place)?).ok()?;
    let is_visible = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    text.bytes().all(is_visible).then_some(text)
}

/// Keeps the texts of a request. One walk past all headers is cheaper than a look-up by hash for each.
#[inline]
pub(super) fn keep(request: &dyn RequestHead, texts: &mut RequestTexts) {
    let mut kept: [Option<&[u8]>; KEPT_TEXTS] = [None; KEPT_TEXTS];
    for (name, value) in request.headers() {
        let place = match *name {
            header::HOST => 0,
            header::USER_AGENT => 1,
            header::CONTENT_TYPE => 2,
            header::CONTENT_LENGTH => 3,
            _ if *name == TRACES[0] => 4,
            _ if *name == TRACES[1] => 5,
            _ => continue,
        };
        let is_double = kept[place].is_some() && TRACES.contains(name);
        // Of two traces none is the caller's.
        match is_double {
            true => kept[place] = Some(b""),
            false => _ = kept[place].get_or_insert(value.as_bytes()),
        }
    }
    let authority = request.uri().authority();
    kept[AUTHORITY] = authority.map(|authority| authority.as_str().as_bytes());
    texts.keep(kept);
}
