//! Gives each ending of a request its category, or none.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
    routing::get,
};
use futures::stream;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{RequestContext, category::ErrorCategory};

use super::category_of;
use crate::support::{exposition::Exposition, server::Server, stacks::isolated, waiting::settled};

#[tokio::test]
async fn what_the_client_did_wrong_is_no_error_of_the_server() {
    for (status, expected) in [
        (401, "authentication"),
        (403, "authentication"),
        (404, "not_found"),
        (409, "conflict"),
        (422, "validation"),
        (429, "rate_limit"),
    ] {
        let vitals = isolated();
        let status = StatusCode::from_u16(status).unwrap();
        let app = Router::new()
            .route("/", get(async move || status))
            .layer(vitals.layer());
        app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(category_of(&vitals, "/").as_deref(), Some(expected));
        let scrape = Exposition::of(&vitals);
        assert_eq!(scrape.severity("critical"), 0.0);
    }
}

#[tokio::test]
async fn every_way_to_end_has_its_category_or_none() {
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    for path in [
        "/full",
        "/500",
        "/body-error",
        "/panic",
        "/panic-body",
        "/panic-sync",
        "/service-error",
    ] {
        if let Ok(response) = server.http1().get(path).await {
            let _ = response.into_body().collect().await;
        }
    }
    server.leave_in_the_body().await;
    server.leave_before_the_head(1).await;
    settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.started == 9
    })
    .await;
    for (endpoint, category) in [
        ("/full", None),
        ("/500", Some("server_error")),
        ("/body-error", Some("server_error")),
        ("/panic", Some("server_error")),
        ("/panic-body", Some("server_error")),
        ("/panic-sync", Some("server_error")),
        ("/service-error", Some("server_error")),
        ("/drip", None),
        ("/hang/{n}", None),
    ] {
        assert_eq!(
            category_of(&vitals, endpoint).as_deref(),
            category,
            "{endpoint}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_a_server_error_whatever_the_handler_set() {
    use futures::FutureExt;
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        RequestContext::current().category(ErrorCategory::RateLimit);
        if true {
            std::panic::resume_unwind(Box::new(()));
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let panicked = std::panic::AssertUnwindSafe(service.oneshot(Request::new(())));
    assert!(panicked.catch_unwind().await.is_err());
    assert_eq!(
        category_of(&vitals, "unmatched").as_deref(),
        Some("server_error")
    );
}

#[tokio::test]
async fn only_the_status_counts_of_a_response_for_which_nobody_waited() {
    for (status, expected) in [
        (StatusCode::OK, None),
        (StatusCode::INTERNAL_SERVER_ERROR, Some("server_error")),
    ] {
        let vitals = isolated();
        let app = Router::new()
            .route(
                "/",
                get(async move || {
                    RequestContext::current().category(ErrorCategory::Database);
                    let endless = stream::pending::<Result<Bytes, Infallible>>();
                    (status, Body::from_stream(endless))
                }),
            )
            .layer(vitals.layer());
        drop(app.oneshot(Request::new(Body::empty())).await.unwrap());
        assert_eq!(vitals.metrics().totals().aborted, 1);
        assert_eq!(category_of(&vitals, "/").as_deref(), expected);
    }
}
