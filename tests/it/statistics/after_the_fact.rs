//! Counts what passed no layer as everything else counts.

use std::time::Duration;

use axum::{
    Router,
    http::{Method, StatusCode},
    routing::get,
};
use tower_vitals::{category::ErrorCategory, exchange::Outcome};

use super::{all, by_category, by_status};
use crate::support::{forms, server::Server, stacks::isolated, waiting::settled};

const QUEUE: &str = "queue/orders";

#[tokio::test]
async fn what_is_recorded_after_the_fact_is_in_statistics_metrics_and_totals() {
    let vitals = isolated();
    let app = Router::new().route("/orders", get(async || "orders"));
    let server = Server::start(app.layer(vitals.layer())).await;
    let mut client = server.http1();
    for _ in 0..10 {
        client.text("/orders").await;
    }
    let metrics = vitals.metrics();
    for (times, status, millis) in [(7, 200, 20), (4, 404, 150), (2, 500, 30), (1, 204, 2_500)] {
        let status = StatusCode::from_u16(status).unwrap();
        for _ in 0..times {
            let duration = Duration::from_millis(millis);
            metrics.record_request(&Method::POST, QUEUE, status, duration);
        }
    }
    for _ in 0..5 {
        metrics.record_error(ErrorCategory::Database, "nightly_rollup");
    }
    metrics.record_error(ErrorCategory::Timeout, QUEUE);

    // A failure by itself is no request.
    let totals = settled(&vitals, |totals| totals.completed == 24).await;
    assert_eq!((totals.started, totals.in_flight), (24, 0));
    let ended = Outcome::ALL.map(|outcome| totals.outcome(outcome));
    assert_eq!(ended.iter().sum::<u64>(), totals.started);

    let lately = all(&vitals);
    assert_eq!((lately.started, lately.outcomes["completed"]), (24, 24));
    let expected = [
        ("GET /orders 200", 10),
        ("POST queue/orders 200", 7),
        ("POST queue/orders 204", 1),
        ("POST queue/orders 404", 4),
        ("POST queue/orders 500", 2),
    ];
    assert_eq!(
        by_status(&lately),
        expected.map(|(key, count)| (key.to_owned(), count))
    );
    let expected = [
        ("database nightly_rollup", 5),
        ("not_found queue/orders", 4),
        ("server_error queue/orders", 2),
        ("timeout queue/orders", 1),
    ];
    assert_eq!(
        by_category(&lately),
        expected.map(|(key, count)| (key.to_owned(), count))
    );
    let queue = &lately.endpoint("POST", QUEUE).unwrap().traffic;
    assert_eq!((queue.errors, queue.client_errors), (2, 4));
    let severities = ["normal", "slow", "warning", "critical"].map(|it| queue.severities[it]);
    assert_eq!(severities, [7, 4, 0, 3]);
    assert_eq!(
        queue.total_ms,
        7.0 * 20.0 + 4.0 * 150.0 + 2.0 * 30.0 + 2_500.0
    );
    assert_eq!(lately.endpoint("POST", "nightly_rollup"), None);

    let metrics = Server::start(vitals.routes()).await;
    for scrape in forms::both(&mut metrics.http1()).await {
        assert_eq!(scrape.sum("http_requests_started_total", &[]), 24.0);
        assert_eq!(scrape.sum("http_requests_total", &[]), 24.0);
        assert_eq!(
            scrape.sum("http_requests_total", &[("endpoint", QUEUE)]),
            14.0
        );
        assert_eq!(scrape.sum("http_request_outcomes_total", &[]), 24.0);
        assert_eq!(scrape.sum("http_requests_in_flight", &[]), 0.0);
        let severities = [("endpoint", QUEUE), ("severity", "critical")];
        assert_eq!(
            scrape.sum("http_requests_by_severity_total", &severities),
            3.0
        );
        assert_eq!(scrape.sum("errors_total", &[]), 12.0);
        let rollup = [("category", "database"), ("endpoint", "nightly_rollup")];
        assert_eq!(scrape.sum("errors_total", &rollup), 5.0);
        let durations = "http_request_duration_seconds";
        let of_queue = [("endpoint", QUEUE)];
        assert_eq!(scrape.sum(&format!("{durations}_count"), &of_queue), 14.0);
        assert_eq!(scrape.sum(&format!("{durations}_sum"), &of_queue), 3.3);
    }
}
