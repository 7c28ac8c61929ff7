use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::BodyExt;
use tower::{BoxError, Layer, ServiceExt, service_fn};

use crate::{
    facts::{exchange::Outcome, failure::Failure},
    failures::Failures,
    monitoring::{Access, Monitoring},
    vitals::Vitals,
};

/// A stack that keeps so many failures, and those.
fn stack(most: usize) -> (Vitals, Arc<Failures>) {
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/excluded"])
        .monitoring(Monitoring::new(Access::Loopback).failures(most))
        .build()
        .unwrap();
    let failures = vitals.failures().unwrap();
    (vitals, failures)
}

async fn failing(_: String) -> Response {
    let error = std::io::Error::other("password=hunter2 for 17");
    Failure::new(error).into_response()
}

fn app(vitals: &Vitals) -> Router {
    Router::new()
        .route("/orders/{id}", post(failing))
        .route("/excluded", post(failing))
        .route("/well", get(|| async { "fine" }))
        .route("/mistaken", get(|| async { StatusCode::NOT_FOUND }))
        .layer(vitals.layer())
}

async fn send(app: &Router, method: &str, path: &str) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer sentinel-of-a-header")
        .header("x-request-id", "id-17")
        .body(Body::from("sentinel-of-a-body"))
        .unwrap();
    let Ok(response) = app.clone().oneshot(request).await;
    // Who does not read a response has left.
    let _ = response.into_body().collect().await;
}

#[tokio::test]
async fn a_failed_request_is_kept_with_facts_and_without_what_a_client_sent() {
    let (vitals, failures) = stack(50);
    let app = app(&vitals);
    for path in ["/well", "/mistaken", "/sentinel-of-no-route"] {
        send(&app, "GET", path).await;
    }
    assert_eq!(failures.last().0, 0, "the server did not fail");
    send(&app, "POST", "/orders/sentinel-of-a-path?token=sentinel").await;
    let (total, all) = failures.last();
    assert_eq!((total, all.len()), (1, 1));
    let one = &all[0];
    assert_eq!((one.method, &*one.endpoint()), ("POST", "/orders/{id}"));
    assert_eq!(one.status, Some(500));
    assert_eq!(one.request_id.as_deref(), Some("id-17"));
    assert_eq!(one.outcome, Outcome::Completed);
    assert!(one.category.is_some());
    let cause = failures.cause(one);
    if cfg!(feature = "scrub") {
        assert_eq!(cause, Some("password=[Filtered] for 17"));
    } else {
        assert_eq!(cause, None);
    }
    let shown = format!("{:?} {:?} {cause:?}", one.request_id, one.endpoint());
    assert!(!shown.contains("sentinel"), "{shown}");
}

#[tokio::test]
async fn an_excluded_path_has_no_failure() {
    let (vitals, failures) = stack(50);
    let app = app(&vitals);
    send(&app, "POST", "/excluded").await;
    assert_eq!(failures.last().0, 0);
    send(&app, "POST", "/orders/1").await;
    assert_eq!(failures.last().0, 1);
}

#[tokio::test]
async fn only_the_last_failures_are_kept() {
    let (vitals, failures) = stack(3);
    let app = app(&vitals);
    for id in 0..10 {
        send(&app, "POST", &format!("/orders/{id}")).await;
    }
    let (total, all) = failures.last();
    assert_eq!((total, all.len()), (10, 3));
    assert!(all.is_sorted_by_key(|one| std::cmp::Reverse(one.at)));
    let gone = Arc::downgrade(&all[2]);
    drop(all);
    send(&app, "POST", "/orders/10").await;
    assert!(gone.upgrade().is_none(), "the oldest one is freed");
}

#[tokio::test]
async fn a_failure_of_no_route_is_unmatched_and_its_texts_are_cut() {
    let (vitals, failures) = stack(3);
    let text = "éééé ".repeat(400);
    let broken = service_fn(move |_: Request| {
        let text = text.clone();
        async move { Err::<Response, BoxError>(text.into()) }
    });
    let service = vitals.layer().layer(broken);
    let request = Request::builder().uri("/sentinel/of/a/path");
    let request = request
        .header("x-request-id", "i".repeat(200))
        .body(Body::empty());
    assert!(service.oneshot(request.unwrap()).await.is_err());
    let (_, all) = failures.last();
    assert_eq!(all[0].endpoint(), "unmatched");
    assert_eq!((all[0].status, all[0].outcome), (None, Outcome::Error));
    let longest = |text: Option<&str>| text.map_or(0, str::len);
    assert!(longest(all[0].request_id.as_deref()) <= 128 + 3);
    if cfg!(feature = "scrub") {
        let cause = longest(failures.cause(&all[0]));
        assert!((495..=515).contains(&cause), "{cause}");
    }
}

#[test]
fn nothing_is_kept_without_the_api_or_if_none_is_asked_for() {
    let without = Vitals::builder().isolated().build().unwrap();
    assert!(without.failures().is_none());
    let none = Monitoring::new(Access::Loopback).failures(0);
    let none = Vitals::builder()
        .isolated()
        .monitoring(none)
        .build()
        .unwrap();
    assert!(none.failures().is_none());
    let many = Monitoring::new(Access::Loopback).failures(201);
    let refused = Vitals::builder().isolated().monitoring(many).build();
    let error = refused.unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("monitoring.failures", "201")
    );
}

#[cfg(feature = "sentry")]
#[tokio::test]
async fn a_cause_is_scrubbed_as_for_sentry_also_if_nothing_is_sent() {
    use crate::{scrub::Scrubbing, sentry::SentryOptions};
    for (scrubbing, expected) in [
        (
            Scrubbing::new().value(r"\bfor \d+").unwrap(),
            Some("password=[Filtered] [Filtered]"),
        ),
        (Scrubbing::health_data(), None),
        (Scrubbing::new().rule(|_| panic!("a rule of a test")), None),
    ] {
        let options = SentryOptions::new("http://key@127.0.0.1:1/1").unwrap();
        let vitals = Vitals::builder()
            .isolated()
            .sentry(options.scrubbing(scrubbing))
            .monitoring(Monitoring::new(Access::Loopback))
            .build()
            .unwrap();
        send(&app(&vitals), "POST", "/orders/1").await;
        let failures = vitals.failures().unwrap();
        let (_, all) = failures.last();
        assert_eq!(failures.cause(&all[0]), expected);
    }
}
