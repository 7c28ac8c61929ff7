//! What is answered, in the shapes of the guide.

use std::{convert::Infallible, time::Duration};

use serde_json::{Value, json};
use tower_vitals::{
    Deployment,
    health::{Check, Health},
    monitoring::{Access, Monitoring},
};

use crate::{
    firing::Broken,
    served::{Served, TOKEN, ask, bearer, with, with_token},
};

/// Whether a text is a time with milliseconds, in UTC.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text
        .chars()
        .map(|one| if one.is_ascii_digit() { '0' } else { one })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

/// The keys of an object.
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn has_keys(value: &Value, wanted: &[&str]) {
    let keys = keys(value);
    for key in wanted {
        assert!(keys.contains(key), "{key}: {value}");
    }
}

#[tokio::test]
async fn metrics_have_the_keys_of_the_guide_by_flat_name_and_by_labels() {
    let served = Served::start(with_token()).await;
    for id in ["1", "2", "3"] {
        ask(served.address, "GET", &format!("/orders/{id}"), &[], "").await;
    }
    let metrics = served.json("/metrics").await;
    assert!(is_time(&metrics["timestamp"]), "{}", metrics["timestamp"]);
    assert_eq!(metrics["counters"]["http_requests_total"], 3);
    let labelled = r#"http_requests_total{method="GET",endpoint="/orders/{id}",status="200"}"#;
    assert_eq!(metrics["counters"][labelled], 3);
    assert_eq!(metrics["gauges"]["http_requests_in_flight"], 0.0);
    for name in ["http_request_duration_seconds", "http_request_duration_ms"] {
        let summary = &metrics["histograms"][name];
        has_keys(summary, &["count", "min", "max", "avg", "sum"]);
        assert_eq!(summary["count"], 3, "{name}");
    }
    let seconds = &metrics["histograms"]["http_request_duration_seconds"]["sum"];
    let millis = &metrics["histograms"]["http_request_duration_ms"]["sum"];
    let ratio = millis.as_f64().unwrap() / seconds.as_f64().unwrap();
    assert!((ratio - 1_000.0).abs() < 1e-6, "{ratio}");
}

#[tokio::test]
async fn alerts_have_the_keys_of_the_guide_from_their_begin_to_their_end() {
    let broken = Broken::default();
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    let quiet = served.json("/status").await;
    assert_eq!(quiet["sentry_enabled"], false);
    assert_eq!(quiet["alert_thresholds_count"], 1);
    assert_eq!(quiet["active_alerts_count"], 0);
    assert_eq!(quiet["last_evaluation"], Value::Null);
    assert_eq!(quiet["active_alerts"], json!([]));
    assert_eq!(served.json("/alerts").await, json!([]));

    broken.set(true);
    let evaluated = served.post("/evaluate", "").await;
    assert_eq!(evaluated.status, 200, "{evaluated:?}");
    let evaluated = evaluated.json();
    assert_eq!(evaluated["evaluated"], true);
    assert_eq!(evaluated["triggered_alerts_count"], 1);
    let message = "Alert: too_hot - heat is 6.50 (threshold: 5.00)";
    let triggered = &evaluated["triggered_alerts"][0];
    assert_eq!(triggered["name"], "too_hot");
    assert_eq!(triggered["severity"], "critical");
    assert_eq!(triggered["message"], message);

    let status = served.json("/status").await;
    assert_eq!(status["active_alerts_count"], 1);
    assert!(is_time(&status["last_evaluation"]), "{status}");
    let active = &status["active_alerts"][0];
    assert_eq!(
        (&active["name"], &active["severity"]),
        (&json!("too_hot"), &json!("critical"))
    );
    assert_eq!(active["message"], message);
    assert!(is_time(&active["timestamp"]), "{active}");
    let listed = served.json("/alerts/active").await;
    assert_eq!(listed[0]["fingerprint"], active["fingerprint"]);
    assert_eq!(served.json("/alerts/active?state=pending").await, json!([]));

    let history = served.json("/alerts?hours=1").await;
    let firing = &history[0];
    has_keys(
        firing,
        &[
            "name",
            "severity",
            "message",
            "metric_value",
            "threshold",
            "timestamp",
        ],
    );
    assert_eq!(
        (&firing["metric_value"], &firing["threshold"]),
        (&json!(6.5), &json!(5.0))
    );
    assert_eq!(firing["timestamp"], active["timestamp"]);
    assert_eq!(firing["resolved_at"], Value::Null);

    broken.set(false);
    let evaluated = served.post("/evaluate", "{}").await.json();
    assert_eq!(evaluated["triggered_alerts_count"], 0);
    let ended = &served.json("/alerts?hours=168").await[0];
    assert!(is_time(&ended["resolved_at"]), "{ended}");
    assert_eq!(ended["resolve_reason"], "recovered");
    assert_eq!(served.json("/status").await["active_alerts_count"], 0);
}

#[tokio::test]
async fn endpoints_are_sorted_and_limited_and_errors_are_counted() {
    let served = Served::start(with_token()).await;
    for path in ["/orders/1", "/orders/2", "/broken/1"] {
        ask(served.address, "GET", path, &[], "").await;
    }
    let all = served.json("/endpoints").await;
    assert_eq!(all["window_seconds"], 300.0);
    assert_eq!(all["endpoints_count"], 2);
    assert_eq!(all["endpoints"][0]["endpoint"], "/orders/{id}");
    assert_eq!(all["endpoints"][0]["requests"], 2);
    assert_eq!(all["total"]["requests"], 3);
    assert!(is_time(&all["timestamp"]), "{all}");
    let worst = served
        .json("/endpoints?sort=errors&limit=1&window=1h")
        .await;
    assert_eq!(worst["window_seconds"], 3_600.0);
    assert_eq!(worst["endpoints_count"], 2);
    let listed = worst["endpoints"].as_array().unwrap();
    assert_eq!(
        (listed.len(), &listed[0]["endpoint"]),
        (1, &json!("/broken/{id}"))
    );
    let errors = served.json("/errors").await;
    assert_eq!(errors["errors_count"], 1);
    assert_eq!(errors["errors"][0]["endpoint"], "/broken/{id}");
    assert_eq!(errors["by_category"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn deployments_are_listed_with_the_newest_first() {
    let served = Served::start(with_token()).await;
    let before = Deployment::new("1.4.1").by("ada");
    served.vitals.record_deployment(&before);
    let body = r#"{"version":"1.4.2","by":"ci","changes":"faster search"}"#;
    let recorded = served.post("/deployments", body).await;
    assert_eq!(
        (recorded.status, recorded.json()),
        (201, json!({"recorded": true, "version": "1.4.2"}))
    );
    let shown = served.json("/deployments").await;
    let newest = &shown["deployments"][0];
    assert_eq!(
        (&newest["version"], &newest["by"]),
        (&json!("1.4.2"), &json!("ci"))
    );
    assert_eq!(newest["changes"], "faster search");
    assert_eq!(shown["deployments"][1]["version"], "1.4.1");
    let one = served.json("/deployments?limit=1").await;
    assert_eq!(one["deployments"].as_array().unwrap().len(), 1);
    let gauges = &served.json("/metrics").await["gauges"];
    assert!(gauges[r#"app_deployment_timestamp_seconds{version="1.4.2"}"#].is_number());
}

/// A stack with one healthy check and one that fails with a secret.
async fn with_checks(monitoring: Monitoring) -> Served {
    let every = Duration::from_millis(5);
    let well = Check::new("database", async || Ok::<_, Infallible>(())).interval(every);
    let ill = Check::new("cache", async || {
        Err::<(), _>("redis://u:sentinel@10.0.0.5 refused")
    })
    .interval(every);
    let health = Health::builder().check(well).check(ill).start().unwrap();
    let served = Served::start(with(monitoring).health(health.service())).await;
    while health.reports().iter().any(|check| check.runs < 4) {
        tokio::task::yield_now().await;
    }
    served
}

#[tokio::test]
async fn the_texts_of_check_errors_are_shown_only_where_that_was_chosen() {
    let with_token = || Monitoring::new(Access::Token(TOKEN.to_owned()));
    for (monitoring, error) in [
        (with_token(), Value::Null),
        (Monitoring::new(Access::Public), Value::Null),
        (
            with_token().check_errors(),
            json!("redis://u:sentinel@10.0.0.5 refused"),
        ),
    ] {
        let served = with_checks(monitoring).await;
        let shown = served.json("/health").await;
        assert_eq!(shown["status"], "unhealthy");
        assert_eq!(shown["draining"], false);
        let checks = &shown["checks"];
        assert_eq!(checks["database"]["status"], "healthy");
        assert!(is_time(&checks["database"]["last_success"]), "{checks}");
        assert_eq!(checks["cache"]["status"], "unhealthy");
        assert_eq!(checks["cache"]["error"], error);
    }
}

#[tokio::test]
async fn the_service_has_no_status_without_checks() {
    let served = Served::start(with_token()).await;
    let shown = served.json("/health").await;
    assert_eq!(
        (&shown["status"], &shown["checks"]),
        (&Value::Null, &json!({}))
    );
}

#[tokio::test]
async fn head_is_get_without_its_body_and_every_answer_has_the_same_protection() {
    let served = Served::start(with_token()).await;
    let protection = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    for (method, path, status) in [
        ("GET", "/silences", 200),
        ("HEAD", "/silences", 200),
        ("GET", "/alerts?hours=0", 400),
        ("HEAD", "/alerts?hours=0", 400),
        ("GET", "/nothing", 404),
        ("POST", "/metrics", 405),
        ("OPTIONS", "/metrics", 405),
        ("POST", "/evaluate", 200),
    ] {
        let origin = (
            "origin",
            format!("http://localhost:{}", served.address.port()),
        );
        let headers = [bearer(TOKEN), origin];
        let answer = served.ask_with(method, path, &headers, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        for (name, value) in protection {
            assert_eq!(answer.header(name), Some(value), "{method} {path}");
        }
        let cors = |(name, _): &(String, String)| name.starts_with("access-control-");
        assert!(!answer.headers.iter().any(cors), "{answer:?}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        match method {
            "HEAD" => assert!(length > 0 && answer.body.is_empty(), "{answer:?}"),
            _ => assert_eq!(length, answer.body.len()),
        }
    }
    let refused = served.ask_with("GET", "/status", &[], "").await;
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    let other = served.ask("DELETE", "/silences").await;
    assert_eq!(
        (other.status, other.header("allow")),
        (405, Some("GET, HEAD, POST"))
    );
}
