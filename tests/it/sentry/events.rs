//! Sends one event for one incident, with all that is known of the request.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router, body::Body, extract::Request, http::StatusCode, response::Response, routing::get,
};
use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer};
use serde_json::Value;
use tokio::{
    task,
    time::{self},
};
use tower::{Layer, service_fn};
use tower_vitals::{
    Deployment, KnownMethodsLayer, SentryScopeLayer,
    health::{Health, Role, Status},
    report::ReportPolicy,
    sentry::SentryOptions,
};
use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt};

use super::{LONG, broken, failing, reporting, send, texts, with_reports};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
    server::Server,
    waiting::settled,
};

fn tags(event: &Value) -> Vec<(&str, &str)> {
    let tags = event["tags"].as_object().into_iter().flatten();
    tags.map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_5xx_arrives_once_with_its_cause_and_exactly_the_expected_tags() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = Router::new()
        .route("/orders/{id}", get(failing))
        .layer(vitals.layer());
    assert_eq!(send(&app, "/orders/17?card=4111").await, 500);
    assert_eq!(vitals.flush(LONG), 0);
    let event = dsn.event();
    assert_eq!(
        tags(&event),
        [
            ("endpoint", "/orders/{id}"),
            ("error_category", "server_error"),
            ("method", "GET"),
            ("plan", "gold"),
            ("request_id", "id-1"),
            ("service", "shop"),
            ("severity", "critical"),
            ("tenant_id", "t-1"),
        ]
    );
    assert_eq!(event["transaction"], "/orders/{id}");
    assert_eq!(event["user"]["id"], "u-1");
    assert_eq!(
        (&event["release"], &event["environment"]),
        (&"shop@1.2.3".into(), &"test".into())
    );
    assert_eq!(
        event["request"]["url"],
        "http://shop.test/orders/17?card=[Filtered]"
    );
    assert_eq!(
        event["request"]["headers"],
        serde_json::json!({"host": "shop.test"})
    );
    assert_eq!(event["contexts"]["response"]["status_code"], 500);
    let chain = event["exception"]["values"].as_array().unwrap();
    let chain: Vec<_> = chain
        .iter()
        .map(|link| {
            (
                link["type"].as_str().unwrap(),
                link["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            ("ParseIntError", "invalid digit found in string"),
            ("NoOrder", "no such order")
        ]
    );
}

#[tokio::test]
async fn what_is_no_fault_of_the_server_tells_nothing() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/probe"]).build().unwrap();
    let app = Router::new()
        .route("/fine", get(async || "fine"))
        .route("/429", get(async || StatusCode::TOO_MANY_REQUESTS))
        .route("/probe", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .layer(vitals.layer());
    for path in ["/fine", "/429", "/probe", "/missing"] {
        send(&app, path).await;
    }
    assert_eq!(vitals.flush(LONG), 0);
    assert!(dsn.events().is_empty());
}

#[tokio::test]
async fn which_statuses_report_is_a_setting_of_the_stack_and_of_a_route() {
    let dsn = Dsn::start(Answer::Status(200));
    let reports = ReportPolicy::new().statuses(|status| status.as_u16() == 429);
    let vitals = with_reports(&dsn, reports);
    let quiet = SentryScopeLayer::new().report_policy(ReportPolicy::new().statuses(|_| false));
    let app = Router::new()
        .route("/429", get(async || StatusCode::TOO_MANY_REQUESTS))
        .route("/500", get(broken))
        .route(
            "/quiet",
            get(async || StatusCode::TOO_MANY_REQUESTS).layer(quiet),
        )
        .layer(vitals.layer());
    for path in ["/429", "/500", "/quiet"] {
        send(&app, path).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let messages = texts(&events, ["/logentry/message"]);
    assert_eq!(messages, [[Some("GET /429 answered 429")]]);
}

#[tokio::test]
async fn a_5xx_on_an_excluded_path_is_reported_by_choice() {
    for (reports, expected) in [
        (ReportPolicy::new(), 0),
        (ReportPolicy::new().include_excluded(), 1),
    ] {
        let dsn = Dsn::start(Answer::Status(200));
        let options = SentryOptions::new(&dsn.url())
            .unwrap()
            .report_policy(reports);
        let builder = reporting(&dsn).exclude(["/probe/"]).sentry(options);
        let vitals = builder.build().unwrap();
        let app = Router::new()
            .route("/probe/503", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .route("/probe/404", get(async || StatusCode::NOT_FOUND))
            .layer(vitals.layer());
        send(&app, "/probe/503").await;
        send(&app, "/probe/404").await;
        vitals.flush(LONG);
        assert_eq!(dsn.events().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_requests_are_a_warning_and_then_an_error_and_a_route_has_its_own_idea() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let after = |ms| async move || time::sleep(Duration::from_millis(ms)).await;
    let patient = ReportPolicy::new()
        .slower_than(Duration::from_secs(10), Duration::from_secs(20))
        .unwrap();
    let app = Router::new()
        .route("/1999", get(after(1_999)))
        .route("/2000", get(after(2_000)))
        .route("/5000", get(after(5_000)))
        .route(
            "/patient",
            get(after(9_000)).layer(SentryScopeLayer::new().report_policy(patient)),
        )
        .layer(vitals.layer());
    for path in ["/1999", "/2000", "/5000", "/patient"] {
        assert_eq!(send(&app, path).await, 200);
    }
    let left = time::timeout(Duration::from_millis(4_000), send(&app, "/5000"));
    left.await.unwrap_err();
    vitals.flush(LONG);
    let events = dsn.events();
    // The level `error` is the default of the protocol, and is not sent.
    let reported = texts(&events, ["/transaction", "/level"]);
    let warning = [Some("/2000"), Some("warning")];
    assert_eq!(reported, [warning, [Some("/5000"), None]]);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_request_is_reported_once() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).log_stuck().build().unwrap();
    let app = Router::new()
        .route(
            "/stuck",
            get(async || time::sleep(Duration::from_secs(30)).await),
        )
        .layer(vitals.layer());
    assert_eq!(send(&app, "/stuck").await, 200);
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(
        (&event["logentry"]["message"], &event["level"]),
        (&"GET /stuck no answer yet".into(), &"warning".into())
    );
}

#[tokio::test]
async fn a_deployment_is_one_event_and_two_metrics() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    vitals.record_deployment(
        &Deployment::new("shop@1.2.4")
            .environment("canary")
            .by("devops@example.org")
            .changes("faster"),
    );
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(
        (&event["level"], &event["release"], &event["environment"]),
        (&"info".into(), &"shop@1.2.4".into(), &"canary".into())
    );
    assert_eq!(
        (&event["tags"]["deployed_by"], &event["extra"]["changes"]),
        (&"devops@example.org".into(), &"faster".into())
    );
    let text = vitals.render();
    assert!(
        text.contains(r#"app_deployment_timestamp_seconds{version="shop@1.2.4"}"#),
        "{text}"
    );
    assert!(
        text.contains(r#"app_build_info{version="shop@1.2.3",revision="",rustc="1."#),
        "{text}"
    );
}

#[tokio::test]
async fn a_grpc_error_of_the_server_is_reported() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let service = vitals
        .layer()
        .layer(
            KnownMethodsLayer::new().layer(service_fn(|request: Request| async move {
                let code = &request.uri().path()["/shop.v1.Orders/".len()..];
                let response = Response::builder()
                    .header("content-type", "application/grpc")
                    .header("grpc-status", code);
                Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
            })),
        );
    for code in ["5", "13"] {
        requests::send(&service, requests::grpc(&format!("/shop.v1.Orders/{code}"))).await;
    }
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["transaction"], "/shop.v1.Orders/13");
    assert_eq!(event["tags"]["error_category"], "server_error");
}

#[tokio::test]
async fn over_the_wire_a_client_that_left_is_no_incident() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let server = Server::faulty(&vitals).await;
    for path in [
        "/500",
        "/panic",
        "/service-error",
        "/full",
        "/404",
        "/body-error",
    ] {
        let _ = server
            .raw(format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ))
            .await;
    }
    server.leave_before_the_head(1).await;
    server.leave_in_the_body().await;
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.cancelled, totals.aborted), (1, 1));
    let flushing = vitals.clone();
    task::spawn_blocking(move || flushing.flush(LONG))
        .await
        .unwrap();
    let events = dsn.events();
    let mut reported = texts(&events, ["/transaction"]).concat();
    reported.sort_unstable();
    let expected = ["/500", "/body-error", "/panic", "/service-error"];
    assert_eq!(reported, expected.map(Some));
}

#[tokio::test]
async fn our_own_log_events_do_not_report_it_again() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(BreadcrumbLayer::new())
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
    let _logs = tracing::subscriber::set_default(subscriber);
    let handler = async || {
        tracing::info!("on the way");
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/500", get(handler))
        .layer(vitals.layer());
    send(&app, "/500").await;
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "GET /500 answered 500");
    assert_eq!(event["breadcrumbs"]["values"][0]["message"], "on the way");
}

#[tokio::test]
async fn a_critical_check_that_fails_is_reported_without_its_password() {
    let dsn = Dsn::start(Answer::Status(200));
    let health = Health::builder()
        .manual("database", Role::Critical)
        .manual("cache", Role::Optional)
        .start()
        .unwrap();
    let vitals = reporting(&dsn).health(health.service()).build().unwrap();
    health.set("database", Status::Healthy, None);
    health.set("cache", Status::Unhealthy, Some("no cache"));
    health.set(
        "database",
        Status::Unhealthy,
        Some("postgres://user:SENTINEL@db/shop is away"),
    );
    health.set("database", Status::Unhealthy, Some("still"));
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "health check database failed");
    assert_eq!(
        event["extra"]["error"],
        "postgres://[Filtered]@db/shop is away"
    );
    assert_eq!(tags(&event), [("check", "database"), ("service", "shop")]);
}
