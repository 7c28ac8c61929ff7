//! What a client can put into a query.

use crate::served::{Served, with_token};

#[tokio::test]
async fn a_bad_parameter_is_answered_with_a_sentence() {
    let served = Served::start(with_token()).await;
    for path in [
        "/endpoints?limit=1000000000000000000",
        "/endpoints?limit=-1",
        "/endpoints?limit=0",
        "/endpoints?limit=1001",
        "/endpoints?limit=NaN",
        "/endpoints?limit=1%00",
        "/endpoints?limit=1&limit=1",
        "/endpoints?sort=fastest",
        "/endpoints?sort=",
        "/endpoints?sort=P95",
        "/endpoints?window=0",
        "/endpoints?window=25h",
        "/endpoints?window=-5m",
        "/endpoints?window=NaN",
        "/endpoints?window=inf",
        "/endpoints?window=1e9",
        "/endpoints?window=%00",
        "/endpoints?order=p95",
        "/errors?window=99999999999999999999999999d",
        "/errors?sort=requests",
        "/alerts?hours=0",
        "/alerts?hours=169",
        "/alerts?hours=24.5",
        "/alerts?hours=%F0%9F%92%A9",
        "/alerts/active?state=inactive",
        "/alerts/active?state=FIRING",
        "/deployments?limit=a",
        "/metrics?name=a",
        "/status?verbose",
        "/silences?a",
        "/health?exclude=database",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = served.ask(method, path).await;
            assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
            if method == "GET" {
                assert!(answer.error().len() < 200, "{}", answer.error());
            }
        }
    }
}

#[tokio::test]
async fn a_long_value_is_neither_repeated_nor_read() {
    let served = Served::start(with_token()).await;
    let value = "9".repeat(3_000);
    let long = served.ask("GET", &format!("/alerts?hours={value}")).await;
    assert_eq!(long.status, 400);
    assert!(long.body.len() < 400, "{}", long.body);
    let longer = "9".repeat(60_000);
    let longer = served.ask("GET", &format!("/alerts?hours={longer}")).await;
    assert_eq!(longer.status, 400);
    assert_eq!(longer.error(), "the query is longer than 4096 bytes");
}

#[tokio::test]
async fn every_parameter_of_the_documents_is_taken() {
    let served = Served::start(with_token()).await;
    for path in [
        "/alerts?hours=1",
        "/alerts?hours=168",
        "/alerts/active?state=all",
        "/alerts/active?state=no_data",
        "/endpoints?window=30s&sort=total_time&limit=1000",
        "/endpoints?window=24h",
        "/errors?window=90&limit=1",
        "/deployments?limit=1",
        "/status?",
    ] {
        assert_eq!(served.ask("GET", path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_list_has_at_most_as_many_entries_as_its_limit() {
    let served = Served::start(with_token().endpoint_cap(5_000)).await;
    let took = std::time::Duration::from_millis(1);
    for n in 0..3_000 {
        let endpoint: &'static str = Box::leak(format!("/endpoint/{n}").into_boxed_str());
        let metrics = served.vitals.metrics();
        metrics.record_request(&http::Method::GET, endpoint, http::StatusCode::OK, took);
    }
    let listed = async |path: &str| {
        let shown = served.json(path).await;
        assert_eq!(shown["endpoints_count"], 3_000);
        shown["endpoints"].as_array().unwrap().len()
    };
    assert_eq!(listed("/endpoints").await, 100);
    assert_eq!(listed("/endpoints?limit=1").await, 1);
    assert_eq!(listed("/endpoints?limit=1000").await, 1_000);
}
