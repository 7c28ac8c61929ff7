//! Asks the rules of the application first.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    ErrorCategoryLayer, Failure, RequestContext, Vitals,
    category::{ErrorCategory, Rules},
    logging::Format,
};

use super::{Layered, category_of, of_error, wrapped};
use crate::support::{
    dsn::{Answer, Dsn},
    lines::{lines, written},
    reporting::unlimited,
    requests,
};

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

/// The error that a rule knows, as it travels to the layer.
fn carried(carrier: &str) -> Failure {
    let known = || Layered("no tea left", None);
    let anyhow = || anyhow::Error::from(known());
    match carrier {
        "itself" => Failure::from(known()),
        "anyhow" => Failure::from(anyhow()),
        "anyhow with context" => Failure::from(anyhow().context("while it was ordered")),
        "eyre" => Failure::from(eyre::Report::from(known())),
        "eyre with context" => Failure::from(eyre::Report::from(known()).wrap_err("ordered")),
        "a box" => Failure::from(Box::<dyn Error + Send + Sync>::from(known())),
        "a typed box" => Failure::from(Box::new(known())),
        "an Arc" => Failure::from(Arc::<dyn Error + Send + Sync>::from(Box::from(known()))),
        "a typed Arc" => Failure::from(Arc::new(known())),
        "a typed Arc in a box" => {
            Failure::from(Box::<dyn Error + Send + Sync>::from(Arc::new(known())))
        }
        "io::Error::other" => Failure::from(io::Error::other(known())),
        "an Arc in io::Error::other" => Failure::from(io::Error::other(Arc::new(known()))),
        "io::Error in anyhow" => Failure::from(anyhow::Error::from(io::Error::other(known()))),
        "io::Error::other in an Arc" => Failure::from(Arc::new(io::Error::other(known()))),
        "io::Error::other in a box" => {
            Failure::from(io::Error::other(Box::new(io::Error::other(known()))))
        }
        "axum::Error in an Arc" => Failure::from(Arc::new(axum::Error::new(known()))),
        other => panic!("{other}"),
    }
}

const CARRIERS: [&str; 16] = [
    "itself",
    "anyhow",
    "anyhow with context",
    "eyre",
    "eyre with context",
    "a box",
    "a typed box",
    "an Arc",
    "a typed Arc",
    "a typed Arc in a box",
    "io::Error::other",
    "an Arc in io::Error::other",
    "io::Error in anyhow",
    "io::Error::other in an Arc",
    "io::Error::other in a box",
    "axum::Error in an Arc",
];

#[tokio::test]
async fn a_rule_finds_its_error_in_whatever_carries_it() {
    for carrier in CARRIERS {
        for by_hand in [false, true] {
            let rules = Rules::new().on::<Layered>(|_| Some(ErrorCategory::Conflict));
            let vitals = Vitals::builder().isolated().rules(rules).build().unwrap();
            let handler = async move || {
                if by_hand {
                    // A response of the handler's own. The error goes another way.
                    let context = RequestContext::current();
                    match carrier {
                        "anyhow" => context.cause(anyhow::Error::from(Layered("no tea", None))),
                        "eyre" => context.cause(eyre::Report::from(Layered("no tea", None))),
                        _ => context.cause(Layered("no tea", None)),
                    };
                    return StatusCode::INTERNAL_SERVER_ERROR.into_response();
                }
                carried(carrier).into_response()
            };
            let app = Router::new().route("/", get(handler)).layer(vitals.layer());
            requests::send(&app, requests::get("/")).await;
            let found = category_of(&vitals, "/");
            assert_eq!(found.as_deref(), Some("conflict"), "{carrier} {by_hand}");
        }
    }
}

#[tokio::test]
async fn a_carrier_does_not_repeat_the_text_of_its_error() {
    let (written, _guard) = written(Format::Json);
    for carrier in CARRIERS {
        let vitals = Vitals::builder().isolated().build().unwrap();
        let handler = async move || carried(carrier);
        let app = Router::new().route("/", get(handler)).layer(vitals.layer());
        written.take();
        requests::send(&app, requests::get("/")).await;
        let lines = lines(&written);
        let cause = lines[0]["cause"].as_str().unwrap();
        assert_eq!(
            cause.matches("no tea left").count(),
            1,
            "{carrier}: {cause}"
        );
    }
}

#[tokio::test]
async fn sentry_calls_the_error_by_its_type_in_whatever_carries_it() {
    for carrier in CARRIERS {
        let dsn = Dsn::start(Answer::Status(200));
        let vitals = unlimited(&dsn.url());
        let handler = async move || carried(carrier);
        let app = Router::new().route("/", get(handler)).layer(vitals.layer());
        requests::send(&app, requests::get("/")).await;
        assert_eq!(vitals.flush(Duration::from_secs(5)), 0);
        let event = dsn.event();
        let exceptions = event["exception"]["values"].as_array().unwrap();
        assert_eq!(
            exceptions[0]["type"], "Layered",
            "{carrier}: {exceptions:?}"
        );
    }
}

#[tokio::test]
async fn a_service_whose_error_is_a_report_is_looked_into() {
    let rules = || Rules::new().on::<Layered>(|_| Some(ErrorCategory::Conflict));
    let vitals = Vitals::builder().isolated().rules(rules()).build().unwrap();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, _>(anyhow::Error::from(Layered("x", None)))
    }));
    service.oneshot(Request::new(())).await.unwrap_err();
    assert_eq!(
        category_of(&vitals, "unmatched").as_deref(),
        Some("conflict")
    );
    let vitals = Vitals::builder().isolated().rules(rules()).build().unwrap();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, _>(eyre::Report::from(Layered("x", None)))
    }));
    drop(service.oneshot(Request::new(())).await.unwrap_err());
    assert_eq!(
        category_of(&vitals, "unmatched").as_deref(),
        Some("conflict")
    );
}
