//! A server for black-box tests: every way in which a request can end, and what was counted. CONTRIBUTING says how to drive it.

#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unreachable_pub,
    unused_qualifications,
    reason = "made from probe.proto by tonic-prost-build, and left as it is"
)]
mod generated;
mod probe;

mod dependencies;

use std::{
    collections::VecDeque,
    convert::Infallible,
    env,
    error::Error,
    fmt::{self, Display},
    future::{Ready, ready},
    net::SocketAddr,
    process::ExitCode,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    error_handling::HandleErrorLayer,
    extract::{Path, Query, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures::{StreamExt, future::Either, stream};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{io, net::TcpListener, time};
use tower::{Layer, Service, ServiceBuilder};
use tower_vitals::{
    Failure, RequestContext, RequestIdLayer, Vitals, category::ErrorCategory, exchange::Exchange,
    health::Health, logs, metrics::Metrics, sentry::SentryOptions,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::dependencies::Dependencies;

/// How many finished exchanges `/debug/last` remembers.
const REMEMBERED: usize = 10_000;

struct Settings {
    address: SocketAddr,
    admin: SocketAddr,
    exclude: Vec<String>,
    series_cap: usize,
    multi: bool,
    trust_inbound: bool,
    shutdown: Duration,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    let mut runtime = if settings.multi {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    runtime.enable_all().build()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let last = Last::default();
    tracing_subscriber::registry()
        .with(logs::from_env()?)
        .with(last.clone())
        .try_init()?;
    let dependencies = Dependencies::default();
    let health = dependencies.health()?;
    // Nothing is sent without `SENTRY_DSN`.
    let vitals = Vitals::from_env()?
        .sentry(SentryOptions::from_env()?)
        .health(health.service())
        .drain_delay(settings.shutdown / 4)
        .shutdown_deadline(settings.shutdown)
        .exclude(settings.exclude)
        .endpoint_cap(settings.series_cap)
        .request_id(RequestIdLayer::new().trust_inbound(settings.trust_inbound))
        .grpc_descriptors(probe::DESCRIPTORS)?
        .build()?;
    let app = application(&vitals);
    let admin = administration(&vitals, last, health, dependencies);
    let listener = bind("ADDR", settings.address).await?;
    let admin_listener = bind("ADMIN_ADDR", settings.admin).await?;
    println!(
        "conformance on {}, administration on {}",
        listener.local_addr()?,
        admin_listener.local_addr()?
    );
    // Its probes answer until the process ends.
    tokio::spawn(axum::serve(admin_listener, admin).into_future());
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.drained());
    let drained = vitals.run(server).await?;
    println!(
        "ended with {} unfinished, {} unsent",
        drained.unfinished, drained.unsent
    );
    Ok(())
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{name}: {address}: {error}"))
}

// === impl Settings ===

impl Settings {
    fn from_env() -> Result<Self, String> {
        Ok(Self {
            address: loopback("ADDR", "127.0.0.1:3001")?,
            admin: loopback("ADMIN_ADDR", "127.0.0.1:3002")?,
            exclude: variable("EXCLUDE").map_or_else(Vec::new, |list| {
                list.split(',').map(|one| one.trim().to_owned()).collect()
            }),
            series_cap: parsed("SERIES_CAP", "1000")?,
            multi: match variable("RUNTIME").as_deref() {
                None | Some("multi") => true,
                Some("current") => false,
                Some(other) => return Err(invalid("RUNTIME", other, "expected current or multi")),
            },
            shutdown: Duration::from_millis(parsed("SHUTDOWN_MS", "2000")?),
            trust_inbound: match variable("TRUST_INBOUND_ID").as_deref() {
                None | Some("true" | "1" | "yes" | "on") => true,
                Some("false" | "0" | "no" | "off") => false,
                Some(other) => {
                    return Err(invalid("TRUST_INBOUND_ID", other, "expected true or false"));
                }
            },
        })
    }
}

/// Empty is as unset.
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn parsed<T: FromStr<Err: Display>>(name: &str, default: &str) -> Result<T, String> {
    let value = variable(name).unwrap_or_else(|| default.into());
    value
        .parse()
        .map_err(|error| invalid(name, &value, &format!("{error}")))
}

fn loopback(name: &str, default: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = parsed(name, default)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(invalid(
        name,
        &address.to_string(),
        "only loopback: this server breaks on request",
    ))
}

fn invalid(name: &str, value: &str, reason: &str) -> String {
    format!("{name}: invalid value {value:?}: {reason}")
}

// === the application ===

fn application(vitals: &Vitals) -> Router {
    let nested = Router::new().route(
        "/{a}/{b}",
        get(async |Path((a, b)): Path<(String, String)>| format!("{a} {b}\n")),
    );
    let around = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: BoxError| {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }))
        .layer(vitals.layer())
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
        .route("/capture", get(capture))
        .route("/capture-spawn", get(capture_spawn))
        .route("/slow", get(slow))
        .route("/drip", get(drip))
        .route("/panic", get(panicking))
        .route("/panic-body", get(panicking_body))
        // The fault layer answers these two before their handler would.
        .route("/panic-sync", get(async || ()))
        .route("/service-error", get(async || ()))
        .route("/echo", any(echo))
        .route("/upgrade", any(upgrade))
        .route(
            "/users/{id}",
            any(async |Path(id): Path<String>| format!("{id}\n")),
        )
        .nest("/nested", nested)
        .route("/admin", any(async || "admin\n"))
        .route("/health", any(async || "healthy\n"))
        .route_service(probe::ROUTE, probe::service())
        .layer(around)
}

#[derive(Deserialize)]
struct Asked {
    n: Option<usize>,
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

/// Three chunks of ten bytes under a length of the handler's own.
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
        // Words in its text must not make it anything else.
        return failure.category(ErrorCategory::ServerError).into_response();
    }
    failure.into_response()
}

#[derive(Deserialize)]
struct Message {
    msg: String,
}

/// Says who asks, leaves a breadcrumb, and captures a message.
async fn capture(context: RequestContext, Query(Message { msg }): Query<Message>) -> &'static str {
    prepare(&context, &msg);
    sentry::capture_message(&msg, sentry::Level::Info);
    "captured\n"
}

/// The same from a task that carries the request along.
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
        // Ends when the client does.
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

/// Breaks beneath our layers, where no handler could.
#[derive(Clone, Copy, Debug)]
struct FaultLayer;

#[derive(Clone, Debug)]
struct Fault<S>(S);

#[derive(Debug)]
struct Broken(String);

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
        Either<futures::future::ErrInto<S::Future, BoxError>, Ready<Result<Response, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match request.uri().path() {
            "/panic-sync" => panic!("/panic-sync: as you asked"),
            "/service-error" => Either::Right(ready(Err(Broken(
                "/service-error: as you asked".into(),
            )
            .into()))),
            _ => Either::Left(futures::TryFutureExt::err_into(self.0.call(request))),
        }
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Broken {}

// === what was counted ===

fn administration(
    vitals: &Vitals,
    last: Last,
    health: Health,
    dependencies: Dependencies,
) -> Router {
    let metrics = vitals.metrics().clone();
    Router::new()
        // Its own, so that nothing of ours stands around unknown paths.
        .fallback(async || StatusCode::NOT_FOUND)
        .route(
            "/debug/dep",
            get(async move |Query(wanted): Query<dependencies::Wanted>| dependencies.set(wanted)),
        )
        .route(
            "/debug/outcomes",
            get(async move || outcomes(&metrics, &health)),
        )
        .route(
            "/debug/last",
            get(async move |Query(asked): Query<Asked>| last.lines(asked.n.unwrap_or(1))),
        )
        .merge(vitals.routes())
}

fn outcomes(metrics: &Metrics, health: &Health) -> axum::Json<Value> {
    let totals = metrics.totals();
    let reports = health.reports();
    let runs = reports
        .iter()
        .map(|check| (check.name.to_string(), check.runs.into()));
    let runs: Map<String, Value> = runs.collect();
    axum::Json(json!({
        "started": totals.started,
        "completed": totals.completed,
        "body_error": totals.body_error,
        "aborted": totals.aborted,
        "cancelled": totals.cancelled,
        "error": totals.error,
        "panicked": totals.panicked,
        "in_flight": totals.in_flight,
        "excluded": totals.excluded,
        "excluded_errors": totals.excluded_errors,
        "overflow": totals.overflow,
        "hook_failures": totals.hook_failures,
        "readiness_errors": totals.readiness_errors,
        "dropped_log": totals.dropped_log,
        "dropped_sentry": totals.dropped_sentry,
        "dropped_sentry_flood": totals.dropped_sentry_flood,
        "dropped_sentry_scrubbing": totals.dropped_sentry_scrubbing,
        "check_runs": runs,
    }))
}

/// The last finished exchanges, read from the one event of each.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<VecDeque<Value>>>);

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Last {
    fn lines(&self, n: usize) -> String {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = last.len().saturating_sub(n);
        last.iter()
            .skip(skipped)
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Last {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() != "tower_vitals" {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if !fields.0.contains_key("outcome") {
            return;
        }
        let mut take = |name: &str| fields.0.remove(name).unwrap_or(Value::Null);
        let line = json!({
            "id": take("request_id"),
            "method": take("method"),
            "path": take("path"),
            "endpoint": take("endpoint"),
            "status": take("status"),
            "grpc_status": take("grpc_status"),
            "outcome": take("outcome"),
            "severity": take("severity"),
            "category": take("category"),
            "head_ms": take("head_ms"),
            "total_ms": take("total_ms"),
            "bytes": take("bytes"),
            "user": take("user"),
            "tenant": take("tenant"),
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(line);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }

    /// Whatever is not one of the above is not a field of ours.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
