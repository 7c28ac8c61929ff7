//! Refuses requests without the token, before any route is looked for.

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use tower_http::validate_request::ValidateRequest;

/// Answers 401, and gRPC's UNAUTHENTICATED, without `authorization: Bearer` and the token.
#[derive(Clone)]
pub(crate) struct Auth {
    credentials: String,
}

impl Auth {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            credentials: format!("Bearer {token}"),
        }
    }
}

impl<B> ValidateRequest<B> for Auth {
    type ResponseBody = Body;

    fn validate(&mut self, request: &mut Request<B>) -> Result<(), Response<Body>> {
        let headers = request.headers();
        let sent = headers.get(header::AUTHORIZATION);
        if sent.is_some_and(|sent| sent.as_bytes() == self.credentials.as_bytes()) {
            return Ok(());
        }
        let kind = headers.get(header::CONTENT_TYPE);
        let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let mut refusal = Response::new(Body::empty());
        if is_grpc {
            let kind = HeaderValue::from_static("application/grpc");
            refusal.headers_mut().insert(header::CONTENT_TYPE, kind);
            let status = HeaderValue::from_static("16");
            refusal.headers_mut().insert("grpc-status", status);
        } else {
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Err(refusal)
    }
}
