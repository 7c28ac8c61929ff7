//! Answers in every way that a service has, and fails in every way.

use std::{
    collections::HashMap,
    convert::Infallible,
    panic,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::oneshot;

use crate::faults::Broken;

pub(crate) const CHUNK: Bytes = Bytes::from_static(b"ten bytes\n");

/// Tells a test when a request has reached the handler that never answers.
#[derive(Clone, Default)]
pub(crate) struct Hanging(Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>);

impl Hanging {
    /// Resolves when request `n` has reached its handler.
    pub(crate) fn reached(&self, n: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().insert(n, sender);
        receiver
    }
}

/// The routes: one for each way to answer or to fail.
pub(crate) fn routes(hanging: Hanging) -> Router {
    let nested = Router::new().route(
        "/{a}/{b}",
        get(async |Path((a, b)): Path<(String, String)>| format!("{a} {b}")),
    );
    Router::new()
        .route("/full", get(async || "a small body"))
        .route("/empty", get(async || ()))
        .route("/stream", get(async || stream_of(3)))
        .route("/cl", get(async || with_length("30")))
        .route("/short-cl", get(async || with_length("15")))
        .route("/204", get(async || StatusCode::NO_CONTENT))
        .route(
            "/204-body",
            get(async || (StatusCode::NO_CONTENT, stream_of(3))),
        )
        .route(
            "/304",
            get(async || (StatusCode::NOT_MODIFIED, [(header::ETAG, "\"v1\"")])),
        )
        .route("/500", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/trailers", get(trailers))
        .route("/body-error", get(body_error))
        .route("/hang/{n}", any(hang))
        .route("/drip", get(drip))
        .route("/panic", get(panicking))
        .route("/panic-body", get(panicking_body))
        .route("/panic-task", get(panicking_task))
        .route("/panic-sync", get(async || ()))
        .route("/service-error", get(async || ()))
        .route("/echo", any(async |body: Body| body))
        .route("/users/{id}", any(async |Path(id): Path<String>| id))
        .nest("/nested", nested)
        .with_state(hanging)
}

fn stream_of(chunks: usize) -> Body {
    Body::from_stream(stream::iter(
        vec![CHUNK; chunks].into_iter().map(Ok::<_, Infallible>),
    ))
}

fn with_length(length: &'static str) -> Response {
    ([(header::CONTENT_LENGTH, length)], stream_of(3)).into_response()
}

async fn trailers() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("42"));
    let frames = [Frame::data(CHUNK), Frame::trailers(trailers)];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    ([(header::TRAILER, "x-checksum")], Body::new(body)).into_response()
}

async fn body_error() -> Body {
    Body::from_stream(stream::iter([Ok(CHUNK), Err(Broken("broken".into()))]))
}

async fn hang(State(Hanging(waiting)): State<Hanging>, Path(n): Path<u64>) {
    let sender = waiting.lock().unwrap().remove(&n);
    if let Some(sender) = sender {
        let _ = sender.send(());
    }
    std::future::pending().await
}

async fn drip() -> Body {
    let first = stream::iter([Ok::<_, Infallible>(CHUNK)]);
    Body::from_stream(first.chain(stream::pending()))
}

async fn panicking() -> &'static str {
    tokio::task::yield_now().await;
    panic!("as asked")
}

async fn panicking_body() -> Body {
    let panics = stream::poll_fn(|_| panic!("as asked"));
    Body::from_stream(stream::iter([Ok::<_, Infallible>(CHUNK)]).chain(panics))
}

async fn panicking_task() -> Response {
    let panicked = tokio::spawn(async { panic!("as asked") }).await;
    match panicked {
        Ok(()) => StatusCode::OK.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
