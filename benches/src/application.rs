//! The application that everything stands around, and the requests that it is sent.

use std::{
    convert::Infallible,
    future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{HeaderMap, HeaderValue, Request, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body::Frame;
use http_body_util::{BodyExt, Full};

/// The headers of a browser.
pub const BROWSER: [(&str, &str); 12] = [
    ("host", "shop.example"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("connection", "keep-alive"),
    ("cookie", "session=0123456789abcdef"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("priority", "u=0, i"),
];

/// The headers of a gRPC client.
const GRPC: [(&str, &str); 4] = [
    ("host", "shop.example"),
    ("user-agent", "grpc-rust/0.14"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
];

/// An empty message in its gRPC frame.
const MESSAGE: &[u8] = &[0; 5];

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Found,
    /// The same with few headers.
    Short,
    Missing,
    Broken,
    Grpc,
    /// Never answered.
    Waiting,
    /// The same with few headers.
    WaitingShort,
    /// Answered with a body that never ends.
    Streaming,
    /// Answered with a body of many frames.
    Frames,
}

struct Endless;

/// How many frames the body of [`Case::Frames`] has.
pub const FRAMES: usize = 10_000;

/// How many of them are still to come.
struct Frames(usize);

/// Every path begins with `/hello/`, so that one pattern excludes them all.
pub fn router() -> Router {
    Router::new()
        .route("/hello/{id}", get(hello))
        .route("/hello/Say", post(say))
        .route("/hello/wait", get(future::pending::<()>))
        .route("/hello/stream", get(async || Body::new(Endless)))
        .route("/hello/frames", get(async || Body::new(Frames(FRAMES))))
}

async fn hello(Path(id): Path<String>) -> Response {
    match id.as_str() {
        "broken" => (StatusCode::INTERNAL_SERVER_ERROR, "not today\n").into_response(),
        _ => "hello, world\n".into_response(),
    }
}

async fn say(_: Bytes) -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::from(MESSAGE).with_trailers(future::ready(Some(Ok(trailers))));
    ([("content-type", "application/grpc")], Body::new(body)).into_response()
}

// === impl Case ===

impl Case {
    /// Those that have an end.
    pub const ALL: [Self; 5] = [
        Self::Found,
        Self::Short,
        Self::Missing,
        Self::Broken,
        Self::Grpc,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "200",
            Self::Short => "200, 4 headers",
            Self::Missing => "404",
            Self::Broken => "500",
            Self::Grpc => "gRPC",
            Self::Waiting => "waiting",
            Self::WaitingShort => "waiting, 4 headers",
            Self::Streaming => "streaming",
            Self::Frames => "frames",
        }
    }

    pub fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|case| case.name() == name);
        found.unwrap_or_else(|| panic!("no case {name:?}"))
    }

    pub fn request(self) -> Request<Body> {
        match self {
            Self::Found => browser("/hello/42"),
            Self::Short => request("GET", "/hello/42", &BROWSER[..4], Body::empty()),
            Self::Missing => browser("/hello/42/missing"),
            Self::Broken => browser("/hello/broken"),
            Self::Grpc => request("POST", "/hello/Say", &GRPC, Body::from(MESSAGE)),
            Self::Waiting => browser("/hello/wait"),
            Self::WaitingShort => request("GET", "/hello/wait", &BROWSER[..4], Body::empty()),
            Self::Streaming => browser("/hello/stream"),
            Self::Frames => browser("/hello/frames"),
        }
    }
}

/// What a browser asks.
pub fn browser(path: &str) -> Request<Body> {
    request("GET", path, &BROWSER, Body::empty())
}

/// As hyper makes it: path and values are slices of one buffer, which nobody who clones them copies.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let texts = [path]
        .into_iter()
        .chain(headers.iter().map(|(_, value)| *value));
    // A connection has its buffer already. So this one is allocated once, and does not grow.
    let mut buffer = Bytes::from(texts.collect::<Vec<_>>().concat());
    let mut next = |text: &str| buffer.split_to(text.len());
    let path = Uri::from_maybe_shared(next(path)).expect("a path");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        let value = HeaderValue::from_maybe_shared(next(value));
        request = request.header(*name, value.expect("a value"));
    }
    request.body(body).expect("a request")
}

// === impl Endless ===

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

// === impl Frames ===

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.0.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: 17\n\n")))))
    }
}
