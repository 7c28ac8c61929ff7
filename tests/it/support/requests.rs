//! Builds a request, sends it through a service and reads the answer.

use std::fmt::Debug;

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Response, StatusCode},
};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

/// A GET request without a body.
pub(crate) fn get(path: &str) -> Request {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

/// A gRPC request without a body.
pub(crate) fn grpc(path: &str) -> Request {
    let request = Request::builder().method("POST").uri(path);
    let request = request.header("content-type", "application/grpc");
    request.body(Body::empty()).unwrap()
}

/// Sends a request and reads the body of the answer until it ends or fails.
pub(crate) async fn send<S, R, B>(app: &S, request: Request<R>) -> StatusCode
where
    S: Service<Request<R>, Response = Response<B>, Error: Debug> + Clone,
    B: HttpBody,
{
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let _ = response.into_body().collect().await;
    status
}

/// The text of a body, which must end well.
pub(crate) async fn text<B>(body: B) -> String
where
    B: HttpBody<Data = Bytes, Error: Debug>,
{
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

/// Polls a request once, which must not be enough, and then drops it.
pub(crate) async fn leave(call: impl Future) {
    let mut call = Box::pin(call);
    assert!(futures::poll!(&mut call).is_pending());
}
