//! Does what a service does beside answering requests: functions, queries, calls of other services, circuit breakers, jobs.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{Request, StatusCode},
    routing::get,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{net::TcpListener, time};
use tower::{Layer, ServiceExt};
use tower_vitals::{
    Failure, job, monitored,
    operations::{CircuitState, OutboundLayer, circuit},
    query,
};

/// How many names are kept. The others are called `overflow`.
const MOST_NAMES: usize = 64;

/// The names so far. A name is a label as long as the process lives, so a client must not make them without end.
static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The address of the service that is called.
#[derive(Clone)]
struct Upstream(String);

/// The routes, and the service that they call.
pub(crate) async fn routes() -> io::Result<Router> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = Upstream(listener.local_addr()?.to_string());
    let service = Router::new().route("/", get(answer));
    tokio::spawn(axum::serve(listener, service).into_future());
    Ok(Router::new()
        .route("/op", get(operation))
        .route("/query", get(queried))
        .route("/outbound", get(outbound))
        .route("/circuit", get(changed))
        .route("/job", get(job_run))
        .with_state(upstream))
}

/// The name for as long as the process lives.
fn kept(name: &str) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    if names.len() >= MOST_NAMES {
        return "overflow";
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(name);
    name
}

/// How a function or a job ends.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fail {
    #[default]
    #[serde(alias = "0", alias = "false", alias = "")]
    No,
    #[serde(alias = "1", alias = "true")]
    Error,
    Timeout,
    Panic,
}

#[derive(Deserialize)]
struct Timed {
    name: String,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    fail: Fail,
}

impl Timed {
    async fn run(&self) -> io::Result<()> {
        time::sleep(Duration::from_millis(self.ms)).await;
        match self.fail {
            Fail::No => Ok(()),
            Fail::Error => Err(io::Error::other("as you asked")),
            Fail::Timeout => Err(io::ErrorKind::TimedOut.into()),
            Fail::Panic => panic!("as you asked"),
        }
    }
}

async fn operation(Query(timed): Query<Timed>) -> Result<&'static str, Failure> {
    monitored(kept(&timed.name)).try_run(timed.run()).await?;
    Ok("done\n")
}

#[derive(Deserialize)]
struct Asked {
    operation: String,
    table: String,
    #[serde(default)]
    ms: u64,
}

async fn queried(Query(asked): Query<Asked>) -> &'static str {
    let pause = time::sleep(Duration::from_millis(asked.ms));
    query(&asked.operation, kept(&asked.table)).run(pause).await;
    "asked\n"
}

#[derive(Deserialize)]
struct Called {
    service: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    ms: u64,
}

const fn ok() -> u16 {
    200
}

/// A failure of the called service is passed on as a 500 that does not show it.
async fn outbound(
    State(Upstream(address)): State<Upstream>,
    Query(called): Query<Called>,
) -> Result<&'static str, Failure> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let client = OutboundLayer::new(kept(&called.service)).layer(client);
    let Called { status, ms, .. } = called;
    let uri = format!("http://{address}/?status={status}&ms={ms}");
    let answer = client
        .oneshot(Request::get(uri).body(Body::empty())?)
        .await?;
    match answer.status().is_server_error() {
        true => Err(Failure::new(io::Error::other("no answer that helps"))),
        false => Ok("called\n"),
    }
}

#[derive(Deserialize)]
struct Wanted {
    status: u16,
    ms: u64,
}

/// The service that is called.
async fn answer(Query(Wanted { status, ms }): Query<Wanted>) -> StatusCode {
    time::sleep(Duration::from_millis(ms)).await;
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

#[derive(Deserialize)]
struct Change {
    name: String,
    state: String,
}

async fn changed(Query(Change { name, state }): Query<Change>) -> (StatusCode, &'static str) {
    let known = CircuitState::ALL.into_iter();
    match known.into_iter().find(|known| known.as_str() == state) {
        Some(state) => {
            circuit(kept(&name)).report(state);
            (StatusCode::OK, "reported\n")
        }
        None => (
            StatusCode::BAD_REQUEST,
            "expected open, half_open or closed\n",
        ),
    }
}

/// A run that fails is no failure of the request.
async fn job_run(Query(timed): Query<Timed>) -> &'static str {
    let name = kept(&timed.name);
    let run = tokio::spawn(async move { job(name).try_run(timed.run()).await });
    match run.await {
        Ok(Ok(())) => "succeeded\n",
        Ok(Err(_)) => "failed\n",
        Err(_) => "panicked\n",
    }
}
