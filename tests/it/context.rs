//! Keeps what a handler adds through `RequestContext` with its own request.

use std::{collections::BTreeMap, io, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tokio::{
    sync::Barrier,
    task::{self, JoinSet},
};
use tower::ServiceExt;
use tower_vitals::{
    AccessLogLayer, Failure, RequestContext, TimingLayer, category::ErrorCategory,
    exchange::Exchange, exclude::Patterns, logging::Format,
};
use tracing::instrument::WithSubscriber;

use crate::support::{
    lines::{lines, subscriber, written},
    requests,
    stacks::isolated,
};

/// How many requests run side by side.
const REQUESTS: usize = 256;

/// The category that the handler gives to request `n`.
fn category(n: usize) -> ErrorCategory {
    ErrorCategory::ALL[n % ErrorCategory::ALL.len()]
}

/// The status of the answer to request `n`.
fn status(n: usize) -> StatusCode {
    [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::CONFLICT,
        StatusCode::SERVICE_UNAVAILABLE,
    ][n % 3]
}

/// Adds everything that a handler can add. All requests take each step at the same time.
async fn adds(together: Arc<Barrier>, context: RequestContext, n: usize) -> Response {
    context.user(format!("user-{n}"));
    context.tag("first", format!("first-{n}"));
    together.wait().await;
    RequestContext::current().tenant(format!("tenant-{n}"));
    let below = async {
        task::yield_now().await;
        RequestContext::current().tag("second", format!("second-{n}"));
    };
    let in_task = Exchange::current().unwrap().scope(async move {
        task::yield_now().await;
        RequestContext::current().tag("third", format!("third-{n}"));
    });
    let (in_task, ()) = tokio::join!(task::spawn(in_task), below);
    in_task.unwrap();
    let cause = format!("cause-{n}");
    let id = RequestContext::current().id().unwrap().to_owned();
    let answer = (status(n), format!("answer to {id}"));
    if n.is_multiple_of(2) {
        RequestContext::current().cause(cause).category(category(n));
        together.wait().await;
        return answer.into_response();
    }
    together.wait().await;
    let failure = Failure::new(cause).category(category(n));
    failure.answer(answer).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_side_by_side_never_see_each_others_context() {
    let vitals = isolated();
    let (written, subscriber) = subscriber(Format::Json);
    let together = Arc::new(Barrier::new(REQUESTS));
    let handler = async move |context: RequestContext, Path(n): Path<usize>| {
        adds(Arc::clone(&together), context, n).await
    };
    let app = Router::new()
        .route("/{n}", get(handler))
        .layer(vitals.layer());
    let one = |n: usize| {
        let app = app.clone();
        async move {
            let request = Request::builder()
                .uri(format!("/{n}"))
                .header("x-request-id", format!("id-{n}"));
            let response = app.oneshot(request.body(Body::empty()).unwrap());
            let response = response.await.unwrap();
            assert_eq!(response.status(), status(n));
            assert_eq!(response.headers()["x-request-id"], format!("id-{n}"));
            let body = requests::text(response.into_body()).await;
            assert_eq!(body, format!("answer to id-{n}"));
        }
    };
    // Many requests run in one task, and many tasks run on two threads.
    const TASKS: usize = 16;
    let mut tasks = JoinSet::new();
    for first in 0..TASKS {
        let own = futures::future::join_all((first..REQUESTS).step_by(TASKS).map(one));
        tasks.spawn(own.with_subscriber(subscriber.clone()));
    }
    tasks.join_all().await;

    let lines = lines(&written);
    let events: BTreeMap<_, _> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .map(|line| (line["request_id"].as_str().unwrap(), line))
        .collect();
    assert_eq!((lines.len(), events.len()), (REQUESTS, REQUESTS));
    for n in 0..REQUESTS {
        let event = events[format!("id-{n}").as_str()];
        for (field, value) in [
            ("path", format!("/{n}")),
            ("user_id", format!("user-{n}")),
            ("tenant_id", format!("tenant-{n}")),
            (
                "tags",
                format!("first=first-{n} second=second-{n} third=third-{n}"),
            ),
            ("category", category(n).as_str().to_owned()),
            ("cause", format!("cause-{n}")),
        ] {
            let found = event[field].as_str().unwrap_or_default();
            // The task and the code beside it may add their tags in any order.
            let mut found: Vec<_> = found.split(' ').collect();
            found.sort_unstable();
            assert_eq!(found.join(" "), value, "{field} of {n}: {event}");
        }
        assert_eq!(event["status"], status(n).as_u16(), "{n}");
    }
}

#[tokio::test]
async fn the_event_has_the_handlers_context_and_the_cause() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let app = Router::new()
        .route(
            "/",
            any(async |context: RequestContext| {
                context
                    .user("u-17")
                    .tenant("acme\n\u{202e}")
                    .tag("plan", "gold")
                    .tag("plan", "silver");
                for n in 0..100 {
                    context.tag(format!("t{n}"), "x".repeat(1_000));
                }
                Failure::new(io::Error::other("disk\nfull"))
            }),
        )
        .layer(vitals.layer());
    requests::send(&app, Request::new(Body::empty())).await;
    let line = &lines(&written)[0];
    assert_eq!(
        (&line["user_id"], &line["tenant_id"]),
        (&"u-17".into(), &r"acme\n\u{202e}".into())
    );
    assert_eq!(
        (&line["category"], &line["cause"]),
        (&"server_error".into(), &r"disk\nfull".into())
    );
    let tags = line["tags"].as_str().unwrap();
    // A word that would be cut goes whole: it can be half a secret.
    assert!(tags.starts_with("plan=silver t0=\u{2026} t1="), "{tags}");
    assert_eq!(tags.split(' ').count(), 32);
    assert!(tags.len() < 32 * 220, "{}", tags.len());
}

#[tokio::test]
async fn what_a_layer_further_in_leaves_alone_the_handler_can_still_speak_of() {
    let metrics = isolated().metrics().clone();
    let (written, _guard) = written(Format::Json);
    let inner = TimingLayer::new()
        .metrics(metrics)
        .exclude(Patterns::new(["/x"]).unwrap());
    let handler = any(async |context: RequestContext| {
        context.user("u-17");
    });
    let app = Router::new()
        .route("/x", handler)
        .layer(inner)
        .layer(AccessLogLayer::new());
    let request = requests::get("/x");
    requests::send(&app, request).await;
    assert_eq!(lines(&written)[0]["user_id"], "u-17");
}
