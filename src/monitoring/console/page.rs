//! Answers with the files of the page. They hold no data, so they need no token.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use super::{
    super::{answer, refusal::Refusal},
    assets::Asset,
    cached,
};

/// The page loads what is here, and nothing else. No script and no style stands in the page, and no form of it is sent.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// A browser asks each time whether a file is still the same.
const CACHE: &str = "no-cache";

/// What of the page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::monitoring) enum Shell {
    Asset(&'static Asset),
    /// The path of the API without the slash, from which relative addresses would lead elsewhere.
    WithoutSlash,
}

/// What of the page is asked for, if anything is.
pub(in crate::monitoring) fn asked(rest: &str) -> Option<Shell> {
    match rest {
        "" => Some(Shell::WithoutSlash),
        rest => Asset::at(rest).map(Shell::Asset),
    }
}

/// Answers with it. `base` is the path of the API.
pub(in crate::monitoring) fn shell(
    shell: Shell,
    base: &str,
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response<Full<Bytes>>, Refusal> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::method("GET, HEAD"));
    }
    if query.is_some_and(|query| !query.is_empty()) {
        // A token in an address would stand in logs.
        return Err(Refusal::bad("the page has no parameters"));
    }
    Ok(match shell {
        Shell::WithoutSlash => redirect(base),
        Shell::Asset(asset) => file(asset, headers),
    })
}

/// Leads to the page by its last segment, so that it works behind any path of a proxy.
fn redirect(base: &str) -> Response<Full<Bytes>> {
    let (_, last) = base.rsplit_once('/').unwrap_or_default();
    let mut response = answer::bytes(StatusCode::PERMANENT_REDIRECT, Bytes::new());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    // A path of the API is printable.
    if let Ok(place) = HeaderValue::from_str(&format!("{last}/")) {
        headers.insert(header::LOCATION, place);
    }
    response
}

fn file(asset: &Asset, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let tag = asset.tag();
    let mut response = match cached::is_known(headers, &tag) {
        true => cached::unchanged(&tag, CACHE),
        false => {
            let text = Bytes::from_static(asset.text.as_bytes());
            let mut response = answer::bytes(StatusCode::OK, text);
            let kind = HeaderValue::from_static(asset.kind);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            cached::add_tag(&mut response, &tag);
            response
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, CACHE),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
