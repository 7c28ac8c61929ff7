//! Shows on a request which other service made it fail.

use std::{
    future::{self, Future},
    io,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use futures::FutureExt;
use serde_json::Value;
use tokio::sync::Barrier;
use tower::{Layer, Service, ServiceExt};
use tower_vitals::{
    Failure, RequestContext, Vitals,
    category::ErrorCategory,
    logging::Format,
    operations::{CallOutcome, OutboundLayer, OutboundService, circuit, outbound, record_call},
    report::ReportPolicy,
    scrub::Scrubbing,
    sentry::SentryOptions,
};

use crate::{
    dsn::{Answer, Dsn},
    exposition::Exposition,
    lines::{lines, written},
    upstream::{HyperClient, Upstream, by_hyper, by_reqwest, hyper_client},
};

const SERVER_FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// What a request shows of its failure.
#[derive(Debug, PartialEq)]
struct Shown {
    category: Value,
    service: Value,
}

fn shown(category: &str, service: Option<&str>) -> Shown {
    Shown {
        category: category.into(),
        service: service.into(),
    }
}

/// What the log event of a request shows whose handler is `handler`. Metrics show the same category.
async fn logged<F, R>(handler: impl Fn() -> F + Clone + Send + Sync + 'static) -> Shown
where
    F: Future<Output = R> + Send + 'static,
    R: axum::response::IntoResponse + 'static,
{
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().build().unwrap();
    let app = Router::new()
        .route("/", get(async move || handler().await))
        .layer(vitals.layer());
    send(&app, "/").await;
    let mut lines = lines(&written);
    lines.retain(|line| line["message"] == "request");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let category = lines[0]["category"].clone();
    if let Some(category) = category.as_str() {
        let counted = Exposition::of(&vitals);
        let counted = counted.sum("errors_total", &[("category", category)]);
        assert_eq!(counted, 1.0, "{category}");
    }
    Shown {
        category,
        service: lines[0]["external_service"].clone(),
    }
}

/// A call of `groq` that failed.
fn failed() {
    record_call("groq", CallOutcome::Error, Duration::ZERO);
}

async fn send(app: &Router, path: &str) -> StatusCode {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    status
}

fn client(service: &'static str) -> OutboundService<HyperClient> {
    OutboundLayer::new(service).layer(hyper_client())
}

#[tokio::test]
async fn the_service_that_failed_names_the_failure_of_its_request() {
    let upstream = Upstream::start().await;
    for (path, category) in [
        ("/500", "external_service"),
        ("/429", "external_service"),
        ("/504", "timeout"),
    ] {
        let url = upstream.url(path);
        let by_layer = move || {
            let url = url.clone();
            async move {
                by_hyper(client("groq"), &url).await.unwrap();
                SERVER_FAILED
            }
        };
        assert_eq!(
            logged(by_layer).await,
            shown(category, Some("groq")),
            "{path}"
        );
    }
    let url = upstream.url("/503");
    let by_reqwest = move || {
        let url = url.clone();
        async move {
            let client = OutboundLayer::new("groq").layer(reqwest::Client::new());
            by_reqwest(client, &url).await.unwrap();
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    assert_eq!(
        logged(by_reqwest).await,
        shown("external_service", Some("groq"))
    );
    let by_sdk = async || {
        let lost = outbound("stripe").run(async { Err::<(), _>("no words that tell") });
        Ok::<(), Failure>(lost.await?)
    };
    assert_eq!(
        logged(by_sdk).await,
        shown("external_service", Some("stripe"))
    );
    let panicking = async || {
        let lost =
            outbound("search").run::<_, (), ()>(async { resume_unwind(Box::new("as asked")) });
        assert!(AssertUnwindSafe(lost).catch_unwind().await.is_err());
        SERVER_FAILED
    };
    assert_eq!(
        logged(panicking).await,
        shown("external_service", Some("search"))
    );
    let after = async || {
        record_call("mail", CallOutcome::Timeout, Duration::from_secs(1));
        SERVER_FAILED
    };
    assert_eq!(logged(after).await, shown("timeout", Some("mail")));
}

#[tokio::test]
async fn what_the_handler_and_the_type_say_is_said_first_and_words_last() {
    let by_handler = async || {
        failed();
        RequestContext::current().category(ErrorCategory::Database);
        SERVER_FAILED
    };
    assert_eq!(logged(by_handler).await, shown("database", None));
    let named_by_handler = async || {
        failed();
        RequestContext::current().category(ErrorCategory::ExternalService);
        SERVER_FAILED
    };
    let named = shown("external_service", Some("groq"));
    assert_eq!(logged(named_by_handler).await, named);
    let by_type = async || {
        failed();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        Err::<(), Failure>(refused.into())
    };
    assert_eq!(logged(by_type).await, named);
    let by_words = async || {
        failed();
        Err::<(), Failure>("the sql of the answer".into())
    };
    assert_eq!(logged(by_words).await, named);
    let by_status = async || {
        failed();
        StatusCode::NOT_IMPLEMENTED
    };
    assert_eq!(logged(by_status).await, shown("server_error", None));
    let bad_gateway = async || {
        failed();
        StatusCode::BAD_GATEWAY
    };
    assert_eq!(logged(bad_gateway).await, named);
}

#[tokio::test]
async fn a_request_whose_fallback_worked_shows_nothing() {
    let fallback = async || failed();
    let nothing = Shown {
        category: Value::Null,
        service: Value::Null,
    };
    assert_eq!(logged(fallback).await, nothing);
    let refused = async || {
        failed();
        StatusCode::CONFLICT
    };
    assert_eq!(logged(refused).await, shown("conflict", None));
    let late = async || {
        record_call("groq", CallOutcome::Timeout, Duration::ZERO);
        StatusCode::REQUEST_TIMEOUT
    };
    assert_eq!(logged(late).await, shown("timeout", None));
    let retried = async || {
        failed();
        record_call("groq", CallOutcome::Success, Duration::ZERO);
        SERVER_FAILED
    };
    assert_eq!(logged(retried).await, shown("server_error", None));
    let cancelled = async || {
        record_call("groq", CallOutcome::Cancelled, Duration::ZERO);
        SERVER_FAILED
    };
    assert_eq!(logged(cancelled).await, shown("server_error", None));
    let other = async || {
        record_call("mail", CallOutcome::Timeout, Duration::ZERO);
        failed();
        record_call("groq", CallOutcome::Success, Duration::ZERO);
        SERVER_FAILED
    };
    assert_eq!(logged(other).await, shown("timeout", Some("mail")));
}

#[tokio::test]
async fn a_client_that_is_not_ready_is_no_call_and_is_told_to_the_request() {
    /// A client that never gets ready.
    struct Broken;

    impl Service<Request<Body>> for Broken {
        type Response = http::Response<Body>;
        type Error = &'static str;
        type Future = future::Ready<Result<http::Response<Body>, &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("broken"))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            future::ready(Ok(http::Response::default()))
        }
    }

    let outside = Vitals::builder().isolated().build().unwrap();
    let layer = OutboundLayer::new("groq").metrics(outside.metrics());
    let handler = move || {
        let mut client = layer.layer(Broken);
        async move {
            assert_eq!(client.ready().await.err(), Some("broken"));
            SERVER_FAILED
        }
    };
    assert_eq!(
        logged(handler).await,
        shown("external_service", Some("groq"))
    );
    let counted = Exposition::of(&outside);
    assert_eq!(counted.sum("external_calls_total", &[]), 0.0);
}

#[tokio::test]
async fn two_requests_at_once_are_each_told_of_their_own_service() {
    let (written, _guard) = written(Format::Json);
    let upstream = Arc::new(Upstream::start().await);
    let vitals = Vitals::builder().isolated().build().unwrap();
    let both = Arc::new(Barrier::new(2));
    let route = |service: &'static str| {
        let (upstream, both) = (Arc::clone(&upstream), Arc::clone(&both));
        get(async move || {
            both.wait().await;
            by_hyper(client(service), &upstream.url("/500"))
                .await
                .unwrap();
            both.wait().await;
            SERVER_FAILED
        })
    };
    let app = Router::new()
        .route("/groq", route("groq"))
        .route("/stripe", route("stripe"))
        .layer(vitals.layer());
    let answers = tokio::join!(send(&app, "/groq"), send(&app, "/stripe"));
    assert_eq!(answers, (SERVER_FAILED, SERVER_FAILED));
    let mut lines = lines(&written);
    lines.retain(|line| line["message"] == "request");
    assert_eq!(lines.len(), 2);
    for line in lines {
        let path = line["path"].as_str().unwrap();
        assert_eq!(line["external_service"], path[1..], "{line}");
    }
}

#[tokio::test]
async fn sentry_names_the_service_and_makes_an_issue_of_each() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let options = options.report_policy(ReportPolicy::new().per_minute(u32::MAX));
    let builder = Vitals::builder().isolated().sentry(options);
    let vitals = builder.build().unwrap();
    let fails = |service| {
        get(async move || {
            record_call(service, CallOutcome::Error, Duration::ZERO);
            SERVER_FAILED
        })
    };
    let app = Router::new()
        .route("/groq", fails("groq"))
        .route("/stripe", fails("stripe"))
        .route("/none", get(async || SERVER_FAILED))
        .layer(vitals.layer());
    for path in ["/groq", "/stripe", "/none"] {
        assert_eq!(send(&app, path).await, SERVER_FAILED);
    }
    assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
    let mut events = dsn.events();
    events.sort_by_key(|event| event["transaction"].to_string());
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let fingerprint = event["fingerprint"].as_array().unwrap();
            let tags = &event["tags"];
            let name = tags["external_service"].as_str();
            (
                name,
                tags["error_category"].as_str().unwrap(),
                fingerprint.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("groq"), "external_service", 6),
            (None, "server_error", 5),
            (Some("stripe"), "external_service", 6),
        ]
    );
}

#[tokio::test]
async fn of_health_data_the_name_of_the_service_leaves() {
    let (written, _guard) = written(Format::Json);
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let options = options.scrubbing(Scrubbing::health_data());
    let vitals = Vitals::builder().isolated().sentry(options).build();
    let vitals = vitals.unwrap();
    let fails = async || {
        failed();
        circuit("groq-of-health").opened();
        SERVER_FAILED
    };
    let app = Router::new().route("/", get(fails)).layer(vitals.layer());
    send(&app, "/").await;
    assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
    let events = dsn.events();
    let tags = |name: &str| {
        let tags = events.iter().map(|event| event["tags"][name].as_str());
        tags.flatten().collect::<Vec<_>>()
    };
    assert_eq!(tags("external_service"), ["groq"]);
    assert_eq!(tags("circuit"), ["groq-of-health"]);
    let texts = events
        .iter()
        .map(|event| event["logentry"]["message"].as_str());
    let texts: Vec<_> = texts.flatten().collect();
    assert!(
        texts.contains(&"circuit groq-of-health opened"),
        "{texts:?}"
    );
    drop(lines(&written));
}

#[tokio::test]
async fn the_text_format_names_the_service() {
    let (written, _guard) = written(Format::Text);
    let vitals = Vitals::builder().isolated().build().unwrap();
    let fails = async || {
        record_call("groq", CallOutcome::Error, Duration::ZERO);
        SERVER_FAILED
    };
    let app = Router::new().route("/", get(fails)).layer(vitals.layer());
    send(&app, "/").await;
    let text = written.take();
    assert!(text.contains(" external_service "), "{text}");
    assert!(text.contains(" external_service=\"groq\""), "{text}");
}
