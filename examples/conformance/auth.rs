//! Refuses requests without the token, before any route is looked for.

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use tower_http::validate_request::ValidateRequest;

/// Answers 401, and gRPC's UNAUTHENTICATED, without `authorization: Bearer` and the token.
#[derive(Clone)]
pub(crate) struct Auth {
    token: String,
}

impl Auth {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
        }
    }
}

impl<B> ValidateRequest<B> for Auth {
    type ResponseBody = Body;

    fn validate(&mut self, request: &mut Request<B>) -> Result<(), Response<Body>> {
        let headers = request.headers();
        let sent = headers.get(header::AUTHORIZATION);
        let sent = sent.and_then(|sent| sent.to_str().ok()?.split_once(' '));
        let is_token = |(scheme, token): (&str, &str)| {
            scheme.eq_ignore_ascii_case("bearer") && token.trim_start() == self.token
        };
        if sent.is_some_and(is_token) {
            return Ok(());
        }
        let kind = headers.get(header::CONTENT_TYPE).cloned();
        let mut refusal = Response::new(Body::empty());
        if let Some(kind) = kind.filter(is_grpc) {
            refusal.headers_mut().insert(header::CONTENT_TYPE, kind);
            let status = HeaderValue::from_static("16");
            refusal.headers_mut().insert("grpc-status", status);
        } else {
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Err(refusal)
    }
}

/// Whether a content type is one of gRPC's or gRPC-Web's.
fn is_grpc(kind: &HeaderValue) -> bool {
    let kind = kind.as_bytes().to_ascii_lowercase();
    let rest = kind.strip_prefix(b"application/grpc");
    let rest = rest.map(|rest| rest.strip_prefix(b"-web-text").unwrap_or(rest));
    let rest = rest.map(|rest| rest.strip_prefix(b"-web").unwrap_or(rest));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}
