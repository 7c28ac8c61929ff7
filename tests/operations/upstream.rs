//! Serves as another service, on a socket of its own, and answers as the path asks.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, future, stream};
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tower::{BoxError, Service, ServiceExt};

pub(crate) type HyperClient = Client<HttpConnector, Empty<Bytes>>;

/// Another service, until dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// The headers of all requests that came.
#[derive(Default)]
struct Seen {
    all: Mutex<Vec<HeaderMap>>,
    /// Is notified when a request comes.
    came: Notify,
}

// === impl Upstream ===

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            seen,
            task,
        }
    }

    /// One that closes each connection at once.
    pub(crate) async fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                drop(listener.accept().await.unwrap());
            }
        });
        Self {
            address,
            seen: Arc::default(),
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until a request has come.
    pub(crate) async fn reached(&self) {
        self.seen.came.notified().await;
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.seen.all.lock().unwrap().len()
    }

    /// A header of the last request, or `none`.
    pub(crate) fn last(&self, header: &str) -> String {
        let all = self.seen.all.lock().unwrap();
        let value = all.last().and_then(|headers| headers.get(header));
        value.map_or("none".into(), |value| value.to_str().unwrap().into())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn hyper_client() -> HyperClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Asks by a client of hyper-util, and reads the body to its end.
pub(crate) async fn by_hyper<S, B>(client: S, url: &str) -> Result<StatusCode, BoxError>
where
    S: Service<http::Request<Empty<Bytes>>, Response = http::Response<B>, Error: Into<BoxError>>,
    B: http_body::Body<Error: Into<BoxError>>,
{
    let mut request = http::Request::new(Empty::new());
    *request.uri_mut() = url.parse::<Uri>()?;
    let answer = client.oneshot(request).await.map_err(Into::into)?;
    let status = answer.status();
    answer.into_body().collect().await.map_err(Into::into)?;
    Ok(status)
}

/// Asks by a client of reqwest, and reads the body to its end.
pub(crate) async fn by_reqwest<S>(client: S, url: &str) -> Result<StatusCode, BoxError>
where
    S: Service<reqwest::Request, Response = reqwest::Response, Error: Into<BoxError>>,
{
    let request = reqwest::Request::new(reqwest::Method::GET, url.parse()?);
    let answer = client.oneshot(request).await.map_err(Into::into)?;
    let status = answer.status();
    answer.bytes().await?;
    Ok(status)
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    seen.all.lock().unwrap().push(request.headers().clone());
    seen.came.notify_one();
    let path = request.uri().path();
    match path.strip_prefix("/grpc.Test/") {
        Some("hang") => future::pending().await,
        Some(how) => grpc(how),
        None => http(path).await,
    }
}

async fn http(path: &str) -> Response {
    let begun = stream::iter([Ok::<_, io::Error>("begun")]);
    match path {
        "/hang" => future::pending().await,
        "/hang-body" => Body::from_stream(begun.chain(stream::pending())).into_response(),
        "/cut" => {
            let cut = stream::iter([Err(io::Error::other("as asked"))]);
            Body::from_stream(begun.chain(cut)).into_response()
        }
        status => {
            let status = StatusCode::from_bytes(&status.as_bytes()[1..]).unwrap();
            (status, "an answer").into_response()
        }
    }
}

/// Answers with this status in the head, or after a message, or with a message and no status.
fn grpc(how: &str) -> Response {
    let mut head = HeaderMap::new();
    head.insert("content-type", HeaderValue::from_static("application/grpc"));
    let status = |code: &str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.parse().unwrap());
        trailers
    };
    let message = Frame::data(Bytes::from_static(&[0; 5]));
    let body = |frames: Vec<Frame<Bytes>>| {
        let frames = frames.into_iter().map(Ok::<_, Infallible>);
        Body::new(StreamBody::new(stream::iter(frames)))
    };
    match how.split_once('-') {
        Some(("head", code)) => {
            head.extend(status(code));
            (head, Body::empty()).into_response()
        }
        Some(("end", code)) => {
            let trailers = Frame::trailers(status(code));
            (head, body(vec![message, trailers])).into_response()
        }
        _ => (head, body(vec![message])).into_response(),
    }
}
