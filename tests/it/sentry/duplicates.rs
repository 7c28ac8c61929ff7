//! Tells a failure once, though a library or the handler tells of it too.

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Request},
    http::StatusCode,
    routing::get,
};
use http_body_util::BodyExt;
use sentry::{ClientOptions, Hub, integrations::tracing::ErrorLayer};
use tokio::task;
use tower::ServiceExt;
use tower_http::{catch_panic::CatchPanicLayer, trace::TraceLayer};
use tower_vitals::{Failure, exchange::Exchange};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
};

use super::{LONG, NoOrder, own_client, reporting, send, texts};
use crate::support::dsn::{Answer, Dsn};

/// An event of Sentry for each error that is logged, and for each rejection of axum.
fn logs() -> DefaultGuard {
    let logged = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("axum::rejection", LevelFilter::TRACE);
    let layer = ErrorLayer::new().with_filter(logged);
    tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
}

fn lost() -> NoOrder {
    NoOrder("x".parse::<u8>().unwrap_err())
}

#[tokio::test]
async fn what_tower_http_and_axum_log_of_a_failure_is_not_told_again() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let _logs = logs();
    let app = Router::new()
        .route("/bad", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/missing", get(async |_: Extension<u8>| "there"))
        .route("/id/{id}", get(async |_: Path<u8>| "there"))
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http())
        .layer(vitals.layer());
    for path in ["/bad", "/missing", "/panic", "/id/x"] {
        send(&app, path).await;
    }
    vitals.flush(LONG);
    assert_eq!(
        texts(&dsn.events(), ["/transaction", "/logger"]),
        [
            [Some("/bad"), None],
            [Some("/missing"), None],
            [Some("/panic"), None],
            // A mistake of the client that ours does not tell.
            [Some("/id/{id}"), Some("axum::rejection")],
        ]
    );
}

#[tokio::test]
async fn what_tower_http_logs_around_a_watched_request_is_not_told_again() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/excluded"]).build().unwrap();
    // The hub of this thread has another client, which gets what belongs to no request.
    let (transport, client) = own_client(ClientOptions::new());
    Hub::current().bind_client(Some(client));
    let _logs = logs();
    let breaks = async || {
        let chunks = [Ok("begins"), Err(std::fmt::Error)];
        Body::from_stream(futures::stream::iter(chunks))
    };
    let caught = async || {
        let plugin = task::spawn(
            Exchange::current()
                .unwrap()
                .scope(async { panic!("as asked") }),
        );
        plugin.await.unwrap_err();
    };
    let bad = async || (StatusCode::INTERNAL_SERVER_ERROR, "with a body");
    let watched = Router::new()
        .route("/bad", get(bad))
        .route("/empty", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/breaks", get(breaks))
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .route("/caught", get(caught))
        .route("/excluded", get(bad))
        .layer(vitals.layer())
        .layer(CatchPanicLayer::new());
    let app = watched
        .route("/unwatched", get(bad))
        .route(
            "/unwatched/panic",
            get(async || -> () { panic!("as asked") }),
        )
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http());
    let told = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        // The body of one fails.
        let answer = app.clone().oneshot(request).await.unwrap();
        let _ = answer.into_body().collect().await;
        vitals.flush(LONG);
        Hub::current().client().unwrap().flush(Some(LONG));
        let beside = transport.fetch_and_clear_events();
        let beside = beside
            .iter()
            .map(|event| event.logger.clone().unwrap_or_default());
        (dsn.take().len(), beside.collect::<Vec<_>>())
    };
    let (failed, caught) = ("tower_http::trace::on_failure", "tower_http::catch_panic");
    for path in ["/bad", "/empty", "/breaks", "/panic"] {
        assert_eq!(told(path).await, (1, vec![]), "{path}");
        // That of another request, of which ours tells nothing.
        let of_other = vec![failed.to_owned()];
        assert_eq!(
            told("/unwatched").await,
            (0, of_other.clone()),
            "after {path}"
        );
        assert_eq!(told("/excluded").await, (0, of_other), "after {path}");
    }
    // The panic of the plug-in was told, and nothing of it was passed on.
    assert_eq!(told("/caught").await, (1, vec![]));
    let of_other = vec![caught.to_owned(), failed.to_owned()];
    assert_eq!(told("/unwatched/panic").await, (0, of_other));
}

#[tokio::test]
async fn what_tower_http_logs_outside_of_watched_requests_stays() {
    let (transport, client) = own_client(ClientOptions::new());
    Hub::current().bind_client(Some(client));
    let _logs = logs();
    let app = Router::new()
        .route("/bad", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(TraceLayer::new_for_http());
    send(&app, "/bad").await;
    Hub::current().client().unwrap().flush(Some(LONG));
    let events = transport.fetch_and_clear_events();
    let loggers: Vec<_> = events.iter().map(|event| event.logger.as_deref()).collect();
    assert_eq!(loggers, [Some("tower_http::trace::on_failure")]);
}

#[tokio::test]
async fn an_error_that_the_handler_has_captured_is_not_told_again() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let _logs = logs();
    let captured = async || -> Result<(), Failure> {
        let error = lost();
        sentry::capture_error(&error);
        Err(error)?
    };
    let carried = async || -> Result<(), Failure> {
        let error = std::io::Error::other(lost());
        sentry::capture_error(&error);
        Err(error)?
    };
    let other = async || -> Result<(), Failure> {
        sentry::capture_error(&std::fmt::Error);
        Err(lost())?
    };
    let logged = async || -> Result<(), Failure> {
        tracing::error!("no order in the cellar");
        Err(lost())?
    };
    let app = Router::new()
        .route("/captured", get(captured))
        .route("/carried", get(carried))
        .route("/other", get(other))
        .route("/logged", get(logged))
        .layer(vitals.layer());
    for path in ["/captured", "/carried", "/other", "/logged"] {
        assert_eq!(send(&app, path).await, 500);
    }
    vitals.flush(LONG);
    assert_eq!(
        texts(
            &dsn.events(),
            [
                "/transaction",
                "/exception/values/1/value",
                "/logentry/message"
            ]
        ),
        [
            [Some("/captured"), Some("no such order"), None],
            [Some("/carried"), Some("no such order"), None],
            [Some("/other"), None, None],
            [Some("/other"), Some("no such order"), None],
            [Some("/logged"), None, Some("no order in the cellar")],
            [Some("/logged"), Some("no such order"), None],
        ]
    );
}
