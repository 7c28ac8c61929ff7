//! Tells a client that it has seen an answer already.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::super::answer;

/// Whether the client has what has this tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(','));
    let same = |one: &str| one.trim().trim_start_matches("W/") == tag.trim_start_matches("W/");
    tags.any(|one| one.trim() == "*" || same(one))
}

/// The answer to a client that has it.
pub(super) fn unchanged(tag: &str, cache: &'static str) -> Response<Full<Bytes>> {
    let mut response = answer::bytes(StatusCode::NOT_MODIFIED, Bytes::new());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    add_tag(&mut response, tag);
    response
}

/// Adds a tag, which is printable ASCII.
pub(super) fn add_tag(response: &mut Response<Full<Bytes>>, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
