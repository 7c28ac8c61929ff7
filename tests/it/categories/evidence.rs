//! Looks for the cause of a failure, and decides by the best evidence.

use std::io;

use axum::{
    Router, body::Body, extract::Request, http::StatusCode, response::IntoResponse, routing::get,
};
use futures::stream;
use http_body_util::BodyExt;
use tower::{BoxError, ServiceExt};
use tower_vitals::{
    Failure, RequestContext,
    category::{ErrorCategory, Rules},
};

use super::{category_of, of_answer, of_error, wrapped};
use crate::support::stacks::isolated;

/// A body that breaks after its first bytes.
fn broken_body() -> Body {
    let broken = wrapped(io::Error::from(io::ErrorKind::ConnectionReset));
    Body::from_stream(stream::iter([Ok("a"), Err(broken)]))
}

#[tokio::test]
async fn the_type_of_a_cause_is_found_through_the_chain() {
    use sqlx_core::Error as Sql;
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let elapsed = || async {
        let never = std::future::pending::<()>();
        tokio::time::timeout(std::time::Duration::ZERO, never)
            .await
            .unwrap_err()
    };
    let cases: Vec<(BoxError, &str)> = vec![
        (wrapped(Sql::RowNotFound).into(), "not_found"),
        (wrapped(Sql::PoolTimedOut).into(), "timeout"),
        (wrapped(wrapped(Sql::WorkerCrashed)).into(), "database"),
        (wrapped(elapsed().await).into(), "timeout"),
        (
            wrapped(tower::timeout::error::Elapsed::new()).into(),
            "timeout",
        ),
        (
            wrapped(tower::load_shed::error::Overloaded::new()).into(),
            "rate_limit",
        ),
        (wrapped(refused()).into(), "external_service"),
        (
            wrapped(io::Error::from(io::ErrorKind::TimedOut)).into(),
            "timeout",
        ),
        // `io::Error::source` skips the error that it wraps.
        (io::Error::other(Sql::WorkerCrashed).into(), "database"),
        (
            redis::RedisError::from((redis::ErrorKind::Io, "gone")).into(),
            "database",
        ),
        (wrapped("nobody knows").into(), "server_error"),
        (
            wrapped(io::Error::from(io::ErrorKind::NotFound)).into(),
            "server_error",
        ),
        // Keywords decide if no type is known.
        (wrapped("the Database is gone").into(), "database"),
        (wrapped("request timed out").into(), "timeout"),
        (wrapped("Too Many Requests").into(), "rate_limit"),
    ];
    for (error, expected) in cases {
        let text = format!("{error:?}");
        let found = of_error(error, Rules::new()).await;
        assert_eq!(found.as_deref(), Some(expected), "{text}");
    }
}

#[tokio::test]
async fn a_failure_keeps_its_cause_from_the_client_and_tells_us() {
    let (category, status, body) =
        of_answer(|| Failure::from(wrapped(sqlx_core::Error::WorkerCrashed)).into_response()).await;
    assert_eq!(
        (category.as_deref(), status.as_u16(), body.as_str()),
        (Some("database"), 500, "internal server error")
    );
    // The answer is the handler's, but the type decides before the status.
    let (category, status, body) = of_answer(|| {
        Failure::new(sqlx_core::Error::RowNotFound)
            .answer((StatusCode::SERVICE_UNAVAILABLE, "later"))
            .into_response()
    })
    .await;
    assert_eq!(
        (category.as_deref(), status.as_u16(), body.as_str()),
        (Some("not_found"), 503, "later")
    );
    // A category from the handler overrules everything.
    let (category, ..) = of_answer(|| {
        Failure::new(sqlx_core::Error::RowNotFound)
            .category(ErrorCategory::Conflict)
            .into_response()
    })
    .await;
    assert_eq!(category.as_deref(), Some("conflict"));
    // A specific status decides before keywords; keywords decide before a vague status.
    for (status, expected) in [
        (409, "conflict"),
        (503, "timeout"),
        (500, "timeout"),
        (502, "external_service"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let (category, ..) =
            of_answer(move || Failure::new("timed out").answer(status).into_response()).await;
        assert_eq!(category.as_deref(), Some(expected), "{status}");
    }
}

#[tokio::test]
async fn a_handler_that_makes_its_own_response_sets_the_cause_and_the_category() {
    let (category, ..) = of_answer(|| {
        RequestContext::current().cause(wrapped(sqlx_core::Error::WorkerCrashed));
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
    .await;
    assert_eq!(category.as_deref(), Some("database"));
    let (category, ..) = of_answer(|| {
        RequestContext::current().category(ErrorCategory::RateLimit);
        StatusCode::BAD_REQUEST.into_response()
    })
    .await;
    assert_eq!(category.as_deref(), Some("rate_limit"));
    // A good answer is no failure, whatever the handler has added.
    let (category, ..) = of_answer(|| {
        RequestContext::current()
            .cause("all is well after all")
            .category(ErrorCategory::Database);
        StatusCode::OK.into_response()
    })
    .await;
    assert_eq!(category, None);
}

#[tokio::test]
async fn the_error_of_a_body_is_looked_into() {
    let vitals = isolated();
    let app = Router::new()
        .route("/", get(async || broken_body()))
        .layer(vitals.layer());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    response.into_body().collect().await.unwrap_err();
    assert_eq!(
        category_of(&vitals, "/").as_deref(),
        Some("external_service")
    );
    assert_eq!(vitals.metrics().totals().body_error, 1);
}

#[tokio::test]
async fn the_cause_behind_an_answer_stands_where_its_body_breaks_as_well() {
    let vitals = isolated();
    let app = Router::new()
        .route(
            "/",
            get(async || {
                Failure::from(wrapped(sqlx_core::Error::WorkerCrashed))
                    .answer((StatusCode::INTERNAL_SERVER_ERROR, broken_body()))
            }),
        )
        .layer(vitals.layer());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    response.into_body().collect().await.unwrap_err();
    assert_eq!(category_of(&vitals, "/").as_deref(), Some("database"));
}
