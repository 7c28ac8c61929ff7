//! Answers requests in every way that a handler can.

use std::{convert::Infallible, time::Duration};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    error_handling::HandleErrorLayer,
    extract::{Path, Query, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{io, time};
use tower::ServiceBuilder;
use tower_http::validate_request::ValidateRequestHeaderLayer;
use tower_vitals::{Failure, RequestContext, Vitals, category::ErrorCategory, exchange::Exchange};

use crate::{
    auth::Auth,
    faults::{Broken, FaultLayer},
    own, probe,
};

pub(crate) fn application(vitals: &Vitals, work: Router, auth: Option<Auth>) -> Router {
    let nested = Router::new().route(
        "/{a}/{b}",
        get(async |Path((a, b)): Path<(String, String)>| format!("{a} {b}\n")),
    );
    let around = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: BoxError| {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }))
        .layer(vitals.layer())
        .option_layer(auth.map(ValidateRequestHeaderLayer::custom))
        .layer(FaultLayer);
    Router::new()
        .route("/full", get(async || "a small body\n"))
        .route("/empty", get(async || ()))
        .route("/stream", get(chunks))
        .route("/cl", get(async || with_length("30")))
        .route("/short-cl", get(async || with_length("15")))
        .route("/204", get(async || StatusCode::NO_CONTENT))
        .route("/304", get(async || StatusCode::NOT_MODIFIED))
        .route("/err", get(failing))
        .route("/fail", get(fail))
        .route("/own", get(own::count))
        .route("/capture", get(capture))
        .route("/capture-spawn", get(capture_spawn))
        .route("/slow", get(slow))
        .route("/drip", get(drip))
        .route("/panic", get(panicking))
        .route("/panic-body", get(panicking_body))
        // The fault layer answers these two before their handlers are called.
        .route("/panic-sync", get(async || ()))
        .route("/service-error", get(async || ()))
        .route("/echo", any(echo))
        .route("/upload", any(upload))
        .route("/upgrade", any(upgrade))
        .route(
            "/users/{id}",
            any(async |Path(id): Path<String>| format!("{id}\n")),
        )
        .nest("/nested", nested)
        .route("/admin", any(async || "admin\n"))
        .route("/health", any(async || "healthy\n"))
        .route_service(probe::ROUTE, probe::service())
        .merge(work)
        .layer(around)
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) n: Option<usize>,
    ms: Option<u64>,
    status: Option<u16>,
}

impl Asked {
    fn pause(&self) -> Duration {
        Duration::from_millis(self.ms.unwrap_or(0))
    }
}

const CHUNK: Bytes = Bytes::from_static(b"ten bytes\n");

async fn chunks(Query(asked): Query<Asked>) -> Body {
    let pause = asked.pause();
    let chunks = stream::iter(0..asked.n.unwrap_or(3));
    Body::from_stream(chunks.then(move |index| async move {
        if index > 0 && !pause.is_zero() {
            time::sleep(pause).await;
        }
        Ok::<_, Infallible>(CHUNK)
    }))
}

/// Three chunks of ten bytes, with a content length from the handler.
fn with_length(length: &'static str) -> Response {
    let chunks = stream::iter([CHUNK; 3].map(Ok::<_, Infallible>));
    (
        [(header::CONTENT_LENGTH, length)],
        Body::from_stream(chunks),
    )
        .into_response()
}

async fn failing(Query(asked): Query<Asked>) -> Response {
    match StatusCode::from_u16(asked.status.unwrap_or(500)) {
        Ok(status) => (status, "as you asked\n").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    kind: String,
    #[serde(default)]
    msg: String,
}

/// An error of the wanted kind with the wanted text, behind an answer that shows neither.
async fn fail(Query(Wanted { kind, msg }): Query<Wanted>) -> Response {
    let (status, error): (u16, BoxError) = match kind.as_str() {
        "database" => (500, sqlx_core::Error::Protocol(msg).into()),
        "external" => (500, io_error(io::ErrorKind::ConnectionRefused, msg)),
        "timeout" => (500, io_error(io::ErrorKind::TimedOut, msg)),
        "server" => (500, Broken(msg).into()),
        "validation" => (422, Broken(msg).into()),
        "conflict" => (409, Broken(msg).into()),
        "rate_limit" => (429, Broken(msg).into()),
        "authentication" => (401, Broken(msg).into()),
        "not_found" => (404, Broken(msg).into()),
        _ => return (StatusCode::BAD_REQUEST, "no such kind\n").into_response(),
    };
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let failure = Failure::new(error).answer((status, "it failed\n"));
    if kind == "server" {
        // Keywords in the text must not change the category.
        return failure.category(ErrorCategory::ServerError).into_response();
    }
    failure.into_response()
}

#[derive(Deserialize)]
struct Message {
    msg: String,
}

/// Sets user and tenant, adds a breadcrumb, and captures a message.
async fn capture(context: RequestContext, Query(Message { msg }): Query<Message>) -> &'static str {
    prepare(&context, &msg);
    sentry::capture_message(&msg, sentry::Level::Info);
    "captured\n"
}

/// The same, from a spawned task that runs in the exchange of the request.
async fn capture_spawn(
    context: RequestContext,
    Query(Message { msg }): Query<Message>,
) -> Result<&'static str, Failure> {
    prepare(&context, &msg);
    let work = async move {
        time::sleep(Duration::from_millis(1)).await;
        sentry::capture_message(&msg, sentry::Level::Info);
    };
    match Exchange::current() {
        Some(exchange) => tokio::spawn(exchange.scope(work)).await?,
        None => work.await,
    }
    Ok("captured\n")
}

fn prepare(context: &RequestContext, message: &str) {
    context.user("u-1").tenant("t-1");
    sentry::add_breadcrumb(sentry::Breadcrumb {
        message: Some(message.to_owned()),
        ..Default::default()
    });
}

fn io_error(kind: io::ErrorKind, text: String) -> BoxError {
    io::Error::new(kind, Broken(text)).into()
}

async fn slow(Query(asked): Query<Asked>) -> &'static str {
    time::sleep(asked.pause()).await;
    "slow\n"
}

async fn drip() -> Body {
    let later = stream::repeat(Bytes::from_static(b".")).then(async |drop| {
        time::sleep(Duration::from_millis(100)).await;
        drop
    });
    let first = stream::iter([Bytes::from_static(b".")]);
    Body::from_stream(first.chain(later).map(Ok::<_, Infallible>))
}

async fn panicking() -> &'static str {
    time::sleep(Duration::ZERO).await;
    panic!("/panic: as you asked")
}

async fn panicking_body() -> Body {
    let panics = stream::poll_fn(|_| panic!("/panic-body: as you asked"));
    Body::from_stream(stream::iter([Ok::<_, Infallible>(CHUNK)]).chain(panics))
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Read {
    All,
    None,
}

#[derive(Deserialize)]
struct Upload {
    read: Read,
}

/// Reads the body as a stream, or not at all, and says how many bytes came.
async fn upload(
    Query(Upload { read }): Query<Upload>,
    request: Request,
) -> Result<String, Failure> {
    let (mut body, mut bytes) = (request.into_body().into_data_stream(), 0);
    if let Read::All = read {
        while let Some(chunk) = body.next().await {
            bytes += chunk?.len();
        }
    }
    Ok(format!("{bytes}\n"))
}

async fn echo(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let mut response = Response::new(request.into_body());
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

async fn upgrade(mut request: Request) -> Response {
    let Some(protocol) = request.headers().get(header::UPGRADE).cloned() else {
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "echo")]).into_response();
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let (mut read, mut write) = io::split(TokioIo::new(upgraded));
        // Ends when the client closes the connection.
        let _ = io::copy(&mut read, &mut write).await;
        let _ = io::AsyncWriteExt::shutdown(&mut write).await;
    });
    let connection = HeaderValue::from_static("upgrade");
    let headers = [
        (header::CONNECTION, connection),
        (header::UPGRADE, protocol),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
