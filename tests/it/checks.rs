//! Asks real servers with the ready-made checks.

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use tower_vitals::health::{Check, CheckReport, Health, Status};

use crate::support::{nobody::nobody, server::Server, waiting::eventually};

/// The first result of a check.
async fn first_answer(check: Check) -> CheckReport {
    let health = Health::builder().check(check).start().unwrap();
    let answered = || {
        let report = health.reports().pop()?;
        (report.status != Status::Unknown).then_some(report)
    };
    eventually(answered).await.unwrap()
}

#[tokio::test]
async fn a_server_is_healthy_if_it_answers_2xx_and_its_address_is_never_shown() {
    let signed_in = async |headers: HeaderMap| match headers.get("authorization") {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::UNAUTHORIZED,
    };
    let app = Router::new()
        .route("/up", get(signed_in))
        .route("/down", get(async || StatusCode::SERVICE_UNAVAILABLE));
    let server = Server::start(app).await;
    let up = server.address.to_string();
    let nobody = nobody().to_string();
    for (host, path, error) in [
        (&up, "/up", None),
        (&up, "/down", Some("answered 503")),
        (&up, "/nothing", Some("answered 404")),
        (&nobody, "/up", Some("Connection refused")),
    ] {
        let url = format!("http://user:s3cret@{host}{path}?key=s3cret");
        let check = Check::reqwest("payments", reqwest::Client::new(), &url);
        assert!(!format!("{check:?}").contains("s3cret"), "{check:?}");
        let report = first_answer(check).await;
        let expected = match error {
            None => Status::Healthy,
            Some(_) => Status::Unhealthy,
        };
        let shown = report.error.as_deref().unwrap_or_default();
        assert_eq!(report.status, expected, "{path}: {shown}");
        assert!(shown.contains(error.unwrap_or_default()), "{path}: {shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains(host.as_str()),
            "{path}: {shown}"
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_not_well() {
    let app = Router::new().route("/", get(std::future::pending::<StatusCode>));
    let server = Server::start(app).await;
    let url = format!("http://{}/", server.address);
    let check = Check::reqwest("payments", reqwest::Client::new(), &url);
    let report = first_answer(check.timeout(Duration::from_millis(50))).await;
    assert_eq!(report.status, Status::Unhealthy);
    assert_eq!(report.error.as_deref(), Some("no answer within 50ms"));
}

#[tokio::test]
async fn a_bad_address_fails_at_start_without_its_secrets() {
    for (url, shown) in [
        ("payments:8080/readyz", "payments:8080/readyz"),
        ("ftp://files/", "ftp://files/"),
        ("http://", "http://"),
        ("", ""),
        ("http://user:s3c?ret@:x/up?key=s3cret", "…@:x/up"),
        ("http://host:99999/?key=s3cret#s3cret", "http://host:99999/"),
    ] {
        let check = Check::reqwest("payments", reqwest::Client::new(), url);
        let error = Health::builder().check(check).start().unwrap_err();
        assert_eq!(
            (error.field(), error.value()),
            ("health.payments.url", shown)
        );
    }
}
