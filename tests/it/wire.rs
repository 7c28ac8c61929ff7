//! Serves a faulty application on loopback and speaks to it, over HTTP/1.1, HTTP/2, or byte by byte.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    net::SocketAddr,
    panic,
    sync::{Arc, Mutex, Once},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    error_handling::HandleErrorLayer,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::{StreamExt, TryFutureExt, future, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time,
};
use tower::{Layer, Service, ServiceBuilder};
use tower_vitals::{Vitals, metrics::Totals};

use crate::probe;

pub(crate) const CHUNK: Bytes = Bytes::from_static(b"ten bytes\n");

/// An application on a socket of its own, until dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hanging: Hanging,
    task: JoinHandle<()>,
}

/// Lets a client know that its request has reached a handler that never answers.
#[derive(Clone, Default)]
pub(crate) struct Hanging(Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>);

/// A connection that is made when there is none.
pub(crate) enum Client {
    Http1(SocketAddr, Option<http1::SendRequest<Full<Bytes>>>),
    Http2(SocketAddr, Option<http2::SendRequest<Full<Bytes>>>),
}

/// Stands beneath our layers, where the service itself breaks.
#[derive(Clone, Copy)]
pub(crate) struct FaultLayer;

#[derive(Clone)]
pub(crate) struct Fault<S>(S);

#[derive(Debug)]
pub(crate) struct Broken;

// === impl Server ===

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        Self::with(app, Hanging::default()).await
    }

    /// The faulty application with the whole stack around it.
    pub(crate) async fn faulty(vitals: &Vitals) -> Self {
        let hanging = Hanging::default();
        let around = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |error: BoxError| {
                (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }))
            .layer(vitals.layer())
            .layer(FaultLayer);
        let app = routes(hanging.clone()).route_service(probe::ROUTE, probe::service());
        Self::with(app.layer(around), hanging).await
    }

    pub(crate) async fn with(app: Router, hanging: Hanging) -> Self {
        silence_panics_that_were_asked_for();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            hanging,
            task,
        }
    }

    pub(crate) fn http1(&self) -> Client {
        Client::Http1(self.address, None)
    }

    pub(crate) fn http2(&self) -> Client {
        Client::Http2(self.address, None)
    }

    /// Sends bytes and reads whatever comes until the server closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(bytes.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        // A server that panicked may reset the connection.
        let _ = socket.read_to_end(&mut answer).await;
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Every way to answer, and some to fail.
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
    Body::from_stream(stream::iter([Ok(CHUNK), Err(Broken)]))
}

async fn hang(State(Hanging(waiting)): State<Hanging>, Path(n): Path<u64>) {
    let sender = waiting.lock().unwrap().remove(&n);
    if let Some(sender) = sender {
        let _ = sender.send(());
    }
    future::pending().await
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

// === impl Hanging ===

impl Hanging {
    /// Resolves when request `n` has reached its handler.
    pub(crate) fn reached(&self, n: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().insert(n, sender);
        receiver
    }
}

// === impl Client ===

impl Client {
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(address, connection) => {
                let usable = match connection {
                    Some(connection) => connection.ready().await.is_ok(),
                    None => false,
                };
                if !usable {
                    let socket = TcpStream::connect(*address).await.unwrap();
                    let (sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
                    tokio::spawn(driver.with_upgrades());
                    *connection = Some(sender);
                }
                connection.as_mut().unwrap().send_request(request).await
            }
            Self::Http2(address, connection) => {
                if connection
                    .as_ref()
                    .is_none_or(|connection| connection.is_closed())
                {
                    let socket = TcpStream::connect(*address).await.unwrap();
                    let (sender, driver) =
                        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
                    tokio::spawn(driver);
                    *connection = Some(sender);
                }
                connection.as_mut().unwrap().send_request(request).await
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Response<Incoming>> {
        let request = self.request("GET", path);
        self.send(request).await
    }

    /// The body of an answer, as text.
    pub(crate) async fn text(&mut self, path: &str) -> String {
        let response = self.get(path).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request<Full<Bytes>> {
        let (address, uri) = match self {
            Self::Http1(address, _) => (address, path.to_owned()),
            Self::Http2(address, _) => (address, format!("http://{address}{path}")),
        };
        let request = Request::builder().method(method).uri(uri);
        let request = match self {
            Self::Http1(..) => request.header(header::HOST, address.to_string()),
            Self::Http2(..) => request,
        };
        request.body(Full::default()).unwrap()
    }

    /// Leaves without another word.
    pub(crate) fn hang_up(&mut self) {
        match self {
            Self::Http1(_, connection) => *connection = None,
            Self::Http2(_, connection) => *connection = None,
        }
    }
}

// === impl Fault ===

impl<S> Layer<S> for FaultLayer {
    type Service = Fault<S>;

    fn layer(&self, inner: S) -> Fault<S> {
        Fault(inner)
    }
}

impl<S> Service<Request> for Fault<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = BoxError;
    type Future =
        future::Either<future::ErrInto<S::Future, BoxError>, Ready<Result<Response, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match request.uri().path() {
            "/panic-sync" => panic!("as asked"),
            "/service-error" => future::Either::Right(ready(Err(Broken.into()))),
            _ => future::Either::Left(self.0.call(request).err_into()),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

/// A stack whose numbers nobody else touches.
pub(crate) fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// The totals once `done` holds, within ten seconds.
pub(crate) async fn settled(vitals: &Vitals, done: impl Fn(&Totals) -> bool) -> Totals {
    eventually(|| Some(vitals.metrics().totals()).filter(&done))
        .await
        .unwrap_or_else(|| panic!("never settled: {:?}", vitals.metrics().totals()))
}

/// What `look` finds, within ten seconds.
pub(crate) async fn eventually<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    for _ in 0..5_000 {
        if let Some(found) = look() {
            return Some(found);
        }
        time::sleep(Duration::from_millis(2)).await;
    }
    None
}

/// The hook prints a page for each; those of this file are no news.
pub(crate) fn silence_panics_that_were_asked_for() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"as asked") {
                print(info);
            }
        }));
    });
}
