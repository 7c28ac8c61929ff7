//! Asks the rules of the application first.

use std::{fmt, io};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
    routing::get,
};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    ErrorCategoryLayer, Failure, Vitals,
    category::{ErrorCategory, Rules},
};

use super::{Layered, category_of, of_error, wrapped};
use crate::support::requests;

#[tokio::test]
async fn ones_own_rules_are_asked_first_and_may_have_no_opinion() {
    let rules = || {
        Rules::new()
            .on::<Layered>(|error| (error.0 == "known").then_some(ErrorCategory::Conflict))
            .on::<io::Error>(|_| Some(ErrorCategory::Validation))
            .keyword("flux", ErrorCategory::ExternalService)
    };
    for (error, expected) in [
        (
            Layered("known", Some(io::Error::other("x").into())),
            "conflict",
        ),
        (
            Layered(
                "unknown",
                Some(io::Error::from(io::ErrorKind::TimedOut).into()),
            ),
            "validation",
        ),
        (
            Layered("unknown", Some(sqlx_core::Error::RowNotFound.into())),
            "not_found",
        ),
        (Layered("too much FLUX", None), "external_service"),
    ] {
        assert_eq!(of_error(error, rules()).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_concrete_error_is_looked_into_where_a_rule_knows_its_type() {
    for (rules, expected) in [
        (Rules::new(), "server_error"),
        (
            Rules::new().on::<Layered>(|_| Some(ErrorCategory::Database)),
            "database",
        ),
        // A rule that returns `None` still makes the layer follow the causes.
        (Rules::new().on::<Layered>(|_| None), "not_found"),
    ] {
        let vitals = Vitals::builder().isolated().rules(rules).build().unwrap();
        let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
            Err::<Response<Full<Bytes>>, _>(wrapped(sqlx_core::Error::RowNotFound))
        }));
        service.oneshot(Request::new(())).await.unwrap_err();
        assert_eq!(category_of(&vitals, "unmatched").as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_rule_that_panics_has_no_opinion_and_is_counted() {
    let vitals = Vitals::builder()
        .isolated()
        .rules(Rules::new().on::<Layered>(|_| std::panic::resume_unwind(Box::new(()))))
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/",
            get(async || Failure::from(wrapped(sqlx_core::Error::RowNotFound))),
        )
        .layer(vitals.layer());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 500);
    response.into_body().collect().await.unwrap();
    assert_eq!(category_of(&vitals, "/").as_deref(), Some("not_found"));
    assert_eq!(vitals.metrics().totals().hook_failures, 1);
}

#[test]
fn clashing_rules_and_empty_words_fail_at_build() {
    let twice = Rules::new()
        .on::<io::Error>(|_| None)
        .on::<io::Error>(|_| None);
    let error = ErrorCategoryLayer::new().rules(twice.clone()).unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("rules[1]", "std::io::error::Error")
    );
    let error = Vitals::builder()
        .isolated()
        .rules(twice)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "rules[1]");
    let error = ErrorCategoryLayer::new()
        .rules(Rules::new().keyword(" ", ErrorCategory::Timeout))
        .unwrap_err();
    assert_eq!((error.field(), error.value()), ("rules.keyword", " "));
}

#[tokio::test]
async fn a_route_has_its_own_rules_and_the_stacks_behind_them() {
    let stack = Rules::new()
        .on::<Layered>(|_| Some(ErrorCategory::Validation))
        .on::<fmt::Error>(|_| Some(ErrorCategory::RateLimit));
    let vitals = Vitals::builder().isolated().rules(stack).build().unwrap();
    let own = Rules::new().on::<Layered>(|_| Some(ErrorCategory::Conflict));
    let own = ErrorCategoryLayer::new().rules(own).unwrap();
    let nested = Router::new()
        .route("/own", get(async || Failure::from(Layered("x", None))))
        .route("/behind", get(async || Failure::from(fmt::Error)))
        .layer(own);
    let app = Router::new()
        .nest("/nested", nested)
        .route("/stack", get(async || Failure::from(Layered("x", None))))
        .layer(vitals.layer());
    for (path, expected) in [
        ("/nested/own", "conflict"),
        ("/nested/behind", "rate_limit"),
        ("/stack", "validation"),
    ] {
        let request = requests::get(path);
        requests::send(&app, request).await;
        assert_eq!(category_of(&vitals, path).as_deref(), Some(expected));
    }
}
