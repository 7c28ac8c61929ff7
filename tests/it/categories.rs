//! Names what went wrong by the best evidence there is, and never by a client's or an error's text.

use std::{
    convert::Infallible,
    error::Error,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::stream;
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_vitals::{
    ErrorCategoryLayer, Failure, RequestContext, Vitals,
    category::{ErrorCategory, Rules},
    metrics::Settings,
};

use crate::support::{
    exposition::Exposition, requests, server::Server, stacks::isolated, waiting::settled,
};

/// The one category that was counted for an endpoint; `None` where nothing was.
fn category_of(vitals: &Vitals, endpoint: &str) -> Option<String> {
    let scrape = Exposition::of(&vitals);
    let found: Vec<_> = scrape
        .samples
        .iter()
        .filter(|((name, labels), value)| {
            name == "errors_total" && labels["endpoint"] == endpoint && **value > 0.0
        })
        .map(|((_, labels), value)| (labels["category"].clone(), *value))
        .collect();
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next().map(|(category, count)| {
        assert_eq!(count, 1.0);
        category
    })
}

/// A service's own error, judged.
async fn of_error(error: impl Into<BoxError>, rules: Rules) -> Option<String> {
    let vitals = Vitals::builder().isolated().rules(rules).build().unwrap();
    let error = std::sync::Mutex::new(Some(error.into()));
    let service = vitals.layer().layer(service_fn(move |_: Request<()>| {
        let error = error.lock().unwrap().take().unwrap();
        async move { Err::<Response<Full<Bytes>>, BoxError>(error) }
    }));
    assert!(service.oneshot(Request::new(())).await.is_err());
    category_of(&vitals, "unmatched")
}

/// A handler's answer, judged; and what the client sees of it.
async fn of_answer(
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> (Option<String>, StatusCode, String) {
    let vitals = isolated();
    let app = Router::new()
        .route("/", get(async move || answer()))
        .layer(vitals.layer());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    let status = response.status();
    let body = requests::text(response.into_body()).await;
    (category_of(&vitals, "/"), status, body)
}

#[derive(Debug)]
struct Layered(&'static str, Option<Box<dyn Error + Send + Sync>>);

impl fmt::Display for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Layered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

/// A body that breaks after its first bytes.
fn broken_body() -> Body {
    let broken = wrapped(io::Error::from(io::ErrorKind::ConnectionReset));
    Body::from_stream(stream::iter([Ok("a"), Err(broken)]))
}

fn wrapped(cause: impl Into<BoxError>) -> Layered {
    Layered("could not do it", Some(cause.into()))
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
        // `io::Error` hides what it wraps from `source`.
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
        // Words, where no type is known.
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
async fn ones_own_rules_are_asked_first_and_may_have_no_opinion() {
    let rules = || {
        Rules::new()
            .on::<Layered>(|error| (error.0 == "known").then_some(ErrorCategory::Conflict))
            .on::<io::Error>(|_| Some(ErrorCategory::Validation))
            .word("flux", ErrorCategory::ExternalService)
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
        // A rule without an opinion still opens the chain.
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
async fn a_failure_keeps_its_cause_from_the_client_and_tells_us() {
    let (category, status, body) =
        of_answer(|| Failure::from(wrapped(sqlx_core::Error::WorkerCrashed)).into_response()).await;
    assert_eq!(
        (category.as_deref(), status.as_u16(), body.as_str()),
        (Some("database"), 500, "internal server error")
    );
    // The handler's answer, and still the type before the status.
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
    // The handler's word before everything.
    let (category, ..) = of_answer(|| {
        Failure::new(sqlx_core::Error::RowNotFound)
            .category(ErrorCategory::Conflict)
            .into_response()
    })
    .await;
    assert_eq!(category.as_deref(), Some("conflict"));
    // A specific status before words, words before a vague one.
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
async fn a_handler_that_makes_its_own_response_says_the_cause_and_the_category() {
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
    // Logged and answered well: no failure, whatever was said.
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
    let mut hasty = server.http1();
    let mut drip = hasty.get("/drip").await.unwrap();
    assert!(drip.body_mut().frame().await.unwrap().is_ok());
    drop(drip);
    hasty.hang_up();
    let reached = server.hanging.reached(1);
    let mut gone = server.http1();
    tokio::select! {
        _ = gone.get("/hang/1") => panic!("answered"),
        reached = reached => reached.unwrap(),
    }
    gone.hang_up();
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

#[tokio::test]
async fn a_panic_is_the_servers_fault_whatever_was_said() {
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
async fn of_an_answer_that_nobody_waited_for_only_the_status_counts() {
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

/// Counts how often somebody wants its text.
#[derive(Debug)]
struct Read(Arc<AtomicUsize>);

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("read")
    }
}

impl Error for Read {}

#[tokio::test]
async fn an_error_is_formatted_where_words_are_looked_for_and_no_log_is_written() {
    let layer = ErrorCategoryLayer::new().metrics(Settings::new().isolated().unwrap());
    for (status, times) in [
        (StatusCode::CONFLICT, 0),
        (StatusCode::INTERNAL_SERVER_ERROR, 1),
    ] {
        let reads = Arc::new(AtomicUsize::new(0));
        let cause = Arc::clone(&reads);
        let app = Router::new()
            .route(
                "/",
                get(async move || Failure::new(Read(Arc::clone(&cause))).answer(status)),
            )
            .layer(layer.clone());
        app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(reads.load(Ordering::Relaxed), times, "{status}");
    }
}

/// An error that does its worst.
#[derive(Clone, Debug)]
enum Hostile {
    /// Leaked: ten thousand boxes in one another are too many to drop.
    Deep(Option<&'static Self>),
    Looping,
    Huge,
    PanickingText,
    PanickingSource,
    Secret,
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static FORMATTED: AtomicUsize = AtomicUsize::new(0);
        match self {
            // 50 MB, in pieces: what is not wanted is not made.
            Self::Huge => (0..50_000_000).try_for_each(|_| {
                assert!(FORMATTED.fetch_add(1, Ordering::Relaxed) < 100_000);
                f.write_str("x")
            }),
            Self::PanickingText => std::panic::resume_unwind(Box::new(())),
            Self::Secret => f.write_str("a\n\u{1b}[31m\u{202e}\u{9b}b\\"),
            _ => f.write_str("deep"),
        }
    }
}

impl Error for Hostile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Deep(below) => below.map(|below| below as _),
            Self::Looping => Some(self),
            Self::PanickingSource => std::panic::resume_unwind(Box::new(())),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_hostile_error_costs_a_bounded_text_and_never_the_response() {
    let deep = (0..10_000).fold(Hostile::Deep(None), |deep, _| {
        Hostile::Deep(Some(Box::leak(Box::new(deep))))
    });
    for (error, failures) in [
        (&deep, 0),
        (&Hostile::Looping, 0),
        (&Hostile::Huge, 0),
        (&Hostile::Secret, 0),
        (&Hostile::PanickingText, 1),
        (&Hostile::PanickingSource, 2),
    ] {
        let vitals = isolated();
        let answer = error.clone();
        let app = Router::new()
            .route("/", get(async move || Failure::from(answer.clone())))
            .layer(vitals.layer());
        let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        response.into_body().collect().await.unwrap();
        assert_eq!(
            category_of(&vitals, "/").as_deref(),
            Some("server_error"),
            "{failures}"
        );
        assert_eq!(vitals.metrics().totals().hook_failures, failures);
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

#[tokio::test]
async fn an_errors_text_is_never_a_label() {
    let metrics = Settings::new().isolated().unwrap();
    let layer = ErrorCategoryLayer::new().metrics(metrics);
    let bytes = allocation_counter::measure(|| {
        for n in 0..10_000 {
            let service = layer.layer(service_fn(move |_: Request<()>| async move {
                Err::<Response<Full<Bytes>>, BoxError>(format!("error {n}").into())
            }));
            let _ = futures::executor::block_on(service.oneshot(Request::new(())));
        }
    });
    assert!(
        bytes.bytes_current < 16_384,
        "{} bytes for one series",
        bytes.bytes_current
    );
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
        .rules(Rules::new().word(" ", ErrorCategory::Timeout))
        .unwrap_err();
    assert_eq!((error.field(), error.value()), ("rules.word", " "));
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

#[tokio::test]
async fn a_success_allocates_nothing_for_its_category() {
    let inner = || {
        service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        })
    };
    let vitals = isolated();
    let without = tower_vitals::TimingLayer::new()
        .metrics(vitals.metrics().clone())
        .layer(inner());
    let with = ErrorCategoryLayer::new()
        .metrics(vitals.metrics().clone())
        .layer(without.clone());
    let count = |run: &dyn Fn()| {
        run();
        allocation_counter::measure(run).count_total
    };
    let without =
        count(&|| _ = futures::executor::block_on(without.clone().oneshot(Request::new(()))));
    let with = count(&|| _ = futures::executor::block_on(with.clone().oneshot(Request::new(()))));
    assert_eq!(with, without);
}

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
