//! Keeps what a handler adds through `RequestContext` with its own request.

use std::{io, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    routing::{any, get},
};
use tower::ServiceExt;
use tower_vitals::{LogLayer, RequestContext, TimingLayer, exclude::Patterns, logs::Format};

use crate::support::{
    lines::{lines, written},
    requests,
    stacks::isolated,
};

#[tokio::test]
async fn requests_side_by_side_never_see_what_the_other_said() {
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let app = {
        let said = Arc::clone(&said);
        Router::new().route(
            "/{n}",
            get(async move |context: RequestContext, request: Request| {
                let own = request.uri().path().to_owned();
                context.tag("path", &own).user(&own);
                tokio::task::yield_now().await;
                let id = RequestContext::current().id().unwrap().to_owned();
                said.lock().unwrap().push((own, id));
            }),
        )
    };
    let app = app.layer(isolated().layer());
    let one = |n: usize| {
        let app = app.clone();
        async move {
            let request = Request::builder()
                .uri(format!("/{n}"))
                .header("x-request-id", n.to_string())
                .body(Body::empty())
                .unwrap();
            app.oneshot(request).await.unwrap();
        }
    };
    futures::future::join_all((0..64).map(one)).await;
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 64);
    assert!(
        said.iter().all(|(path, id)| *path == format!("/{id}")),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_the_handler_said_and_why_it_failed_is_in_the_event() {
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
                tower_vitals::Failure::new(io::Error::other("disk\nfull"))
            }),
        )
        .layer(vitals.layer());
    requests::send(&app, Request::new(Body::empty())).await;
    let line = &lines(&written)[0];
    assert_eq!(
        (&line["user"], &line["tenant"]),
        (&"u-17".into(), &r"acme\n\u{202e}".into())
    );
    assert_eq!(
        (&line["category"], &line["cause"]),
        (&"server_error".into(), &r"disk\nfull".into())
    );
    let tags = line["tags"].as_str().unwrap();
    assert!(tags.starts_with("plan=silver t0=xxx"), "{tags}");
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
        .layer(LogLayer::new());
    let request = requests::get("/x");
    requests::send(&app, request).await;
    assert_eq!(lines(&written)[0]["user"], "u-17");
}
