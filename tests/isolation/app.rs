//! The application whose requests are mixed. Each leaves its marker wherever the SDK takes one.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    routing::get,
};
use sentry::{Level, User, protocol::Attachment};
use serde_json::Value;
use tokio::{
    runtime::Handle,
    task::{self, LocalSet},
};
use tower::ServiceExt;
use tower_vitals::{RequestContext, Vitals, exchange::Exchange, sentry::SentryOptions};

/// What the requests of a round do, eight of each.
pub(crate) const KINDS: [&str; 8] = [
    "ok", "bad", "says", "asks", "logs", "local", "strays", "blocks",
];

/// Where the handlers run.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// On the threads of a runtime, which take each other's tasks.
    Threads,
    /// In a `LocalSet`, whose tasks share a thread.
    LocalSet,
}

/// A word that no other request has.
pub(crate) fn marker(n: usize) -> String {
    format!("mark{n:06}")
}

pub(crate) fn id_of(n: usize) -> String {
    format!("id-{}", marker(n))
}

/// The trace that the caller names. Some callers name none.
pub(crate) fn trace_of(n: usize) -> Option<String> {
    (n % 3 != 2).then(|| format!("771a43a4192642f0b136d515{:08x}", n + 1))
}

pub(crate) fn routes(place: Place) -> Router {
    Router::new()
        .route("/ok/{marker}", get(works))
        .route("/bad/{marker}", get(fails))
        .route("/says/{marker}", get(captures))
        .route("/asks/{marker}", get(asks))
        .route("/logs/{marker}", get(logs))
        .route("/local/{marker}", get(works_locally))
        .route("/strays/{marker}", get(strays))
        .route("/blocks/{marker}", get(blocks))
        .with_state(place)
}

async fn leave(marker: &str) {
    tracing::info!("begins {marker}");
    RequestContext::current().user(marker).tag("marker", marker);
    sentry::configure_scope(|scope| {
        scope.set_tag("left", marker);
        scope.set_extra("extra", marker.into());
        scope.set_user(Some(User {
            id: Some(marker.into()),
            ..User::default()
        }));
        let context = [("marker".to_owned(), Value::from(marker))];
        scope.set_context("left", sentry::protocol::Context::Other(context.into()));
        scope.add_attachment(Attachment {
            buffer: marker.into(),
            filename: "attached.txt".into(),
            ..Attachment::default()
        });
    });
    task::yield_now().await;
    tracing::warn!("goes on {marker}");
}

/// Leaves its data on the hub of a thread that others use, as code does that nobody gave the request's scope.
fn go_astray(marker: &str) {
    sentry::configure_scope(|scope| scope.set_tag("stray", format!("astray {marker}")));
    tracing::warn!("astray {marker}");
}

/// Captures what belongs to no request.
fn capture_astray(marker: &str) {
    go_astray(marker);
    sentry::capture_message(&format!("astray {marker}"), Level::Info);
    sentry::logger_info!("astray {}", marker);
}

async fn works(Path(marker): Path<String>) {
    leave(&marker).await;
    task::spawn(async move { go_astray(&marker) })
        .await
        .unwrap();
}

async fn fails(Path(marker): Path<String>) -> StatusCode {
    leave(&marker).await;
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn captures(Path(marker): Path<String>) {
    leave(&marker).await;
    sentry::capture_message(&format!("{marker} handler"), Level::Info);
    let exchange = Exchange::current().unwrap();
    let own = marker.clone();
    let scoped = task::spawn(exchange.scope(async move {
        task::yield_now().await;
        tracing::info!("task {own}");
        sentry::capture_message(&format!("{own} task"), Level::Info);
        sentry::logger_info!("task {}", own.as_str());
    }));
    scoped.await.unwrap();
}

/// Asks a service of its own in this process, which fails.
async fn asks(Path(marker): Path<String>) {
    leave(&marker).await;
    let inner = format!("{marker}inner");
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    let fails = async move || {
        tracing::info!("within {inner}");
        sentry::capture_message(&inner, Level::Info);
        sentry::logger_info!("{}", inner.as_str());
    };
    let app = Router::new().route("/", get(fails)).layer(vitals.layer());
    app.oneshot(Request::<axum::body::Body>::default())
        .await
        .unwrap();
}

/// Makes an event of a log line, and logs and a metric of the SDK, here and under a scope that ends.
async fn logs(Path(marker): Path<String>) {
    leave(&marker).await;
    tracing::error!("wrong {marker}");
    sentry::logger_warn!(order = marker.as_str(), "log {}", marker.as_str());
    sentry::metrics::counter("orders", 1)
        .attribute("order", marker.clone())
        .capture();
    let exchange = Exchange::current().unwrap();
    task::spawn_blocking(move || {
        exchange.run(|| sentry::logger_info!("thread {}", marker.as_str()))
    })
    .await
    .unwrap();
}

async fn works_locally(State(place): State<Place>, Path(marker): Path<String>) {
    leave(&marker).await;
    let exchange = Exchange::current().unwrap();
    let own = marker.clone();
    let scoped = exchange.scope(async move {
        task::yield_now().await;
        tracing::info!("local {own}");
        sentry::capture_message(&format!("{own} local"), Level::Info);
        sentry::logger_info!("local {}", own.as_str());
    });
    let stray = async move {
        go_astray(&marker);
        task::yield_now().await;
        go_astray(&marker);
    };
    match place {
        Place::LocalSet => {
            let (scoped, stray) = (task::spawn_local(scoped), task::spawn_local(stray));
            scoped.await.unwrap();
            stray.await.unwrap();
        }
        Place::Threads => {
            let handle = Handle::current();
            let both = move || {
                let local = LocalSet::new();
                local.spawn_local(scoped);
                local.spawn_local(stray);
                handle.block_on(local);
            };
            task::spawn_blocking(both).await.unwrap();
        }
    }
}

async fn strays(Path(marker): Path<String>) {
    leave(&marker).await;
    task::spawn(async move { capture_astray(&marker) })
        .await
        .unwrap();
}

async fn blocks(Path(marker): Path<String>) {
    leave(&marker).await;
    let exchange = Exchange::current().unwrap();
    task::spawn_blocking(move || {
        go_astray(&marker);
        Arc::clone(&exchange)
            .run(|| sentry::capture_message(&format!("{marker} blocking"), Level::Info));
        capture_astray(&marker);
    })
    .await
    .unwrap();
}
