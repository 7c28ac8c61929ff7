//! Writes responses: JSON, and headers that keep it where it belongs.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

/// What is on every response. There are no headers for other origins: no page of one may read anything.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// How many entries a list would have if there were room for all.
const COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// A response with a value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(text) => respond(status, text.into()),
        // No value of this crate is of a kind that JSON lacks.
        Err(error) => told(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The same response, which says how many entries there are.
pub(super) fn counted(mut response: Response<Full<Bytes>>, count: usize) -> Response<Full<Bytes>> {
    response.headers_mut().insert(COUNT, count.into());
    response
}

/// A response with a text that is JSON.
pub(super) fn json_text(text: String) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, text.into())
}

/// A response with a document of YAML.
pub(super) fn yaml(text: String) -> Response<Full<Bytes>> {
    of_kind(text, "application/yaml")
}

/// A response with a text.
pub(super) fn plain(text: String) -> Response<Full<Bytes>> {
    of_kind(text, "text/plain; charset=utf-8")
}

fn of_kind(text: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::OK, text.into());
    let value = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// A response with JSON that is written already.
pub(super) fn bytes(status: StatusCode, text: Bytes) -> Response<Full<Bytes>> {
    respond(status, text)
}

/// A response that says in a sentence what is wrong.
pub(super) fn told(status: StatusCode, sentence: &str) -> Response<Full<Bytes>> {
    respond(status, json!({ "error": sentence }).to_string().into())
}

fn respond(status: StatusCode, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// The response as the method gets it: to HEAD without its body, and with its length.
pub(super) fn for_method(
    mut response: Response<Full<Bytes>>,
    method: &Method,
) -> Response<Full<Bytes>> {
    if *method == Method::HEAD {
        // A server may send the body of a response to HEAD.
        let length = response.body().size_hint().exact().unwrap_or(0);
        *response.body_mut() = Full::default();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}
