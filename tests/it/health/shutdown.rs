//! Drains at a shutdown, and ends at its deadline.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use futures::stream;
use hyper::Response;
use tokio::time;
use tower_vitals::{Vitals, health::Health};

use super::MS;
use crate::support::{server::draining, waiting::settled};

/// Shuts down an application that has an endless stream open; the client leaves, or stays.
async fn shut_down(stay: bool, deadline: Duration) -> (tower_vitals::ShutdownReport, Duration) {
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(MS(100))
        .shutdown_deadline(deadline)
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/endless",
            get(async || Body::from_stream(stream::pending::<Result<&'static str, Infallible>>())),
        )
        .layer(vitals.layer())
        .merge(vitals.routes());
    let (address, running) = draining(&vitals, app).await;
    let mut client = crate::support::client::Client::Http1(address, None);
    let endless = client.get("/endless").await.unwrap();
    assert_eq!(client_status(address, "/readyz").await, 200);
    let begun = time::Instant::now();
    health.drain();
    // Readiness fails at once, liveness stays, and the server still accepts requests.
    assert_eq!(client_status(address, "/readyz").await, 503);
    assert_eq!(client_status(address, "/livez").await, 200);
    if !stay {
        drop(endless);
        client.hang_up();
        settled(&vitals, |totals| totals.in_flight == 0).await;
        return (running.await.unwrap(), begun.elapsed());
    }
    let drained = running.await.unwrap();
    drop(endless);
    (drained, begun.elapsed())
}

async fn client_status(address: std::net::SocketAddr, path: &str) -> u16 {
    let mut client = crate::support::client::Client::Http1(address, None);
    let response: Response<_> = client.get(path).await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn an_endless_stream_ends_with_the_deadline_and_is_reported() {
    let deadline = MS(400);
    let (drained, took) = shut_down(true, deadline).await;
    assert_eq!(drained.unfinished, 1);
    assert!(
        took >= deadline && took < deadline + Duration::from_secs(3),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_done_ends_before_the_deadline() {
    let deadline = Duration::from_secs(30);
    let (drained, took) = shut_down(false, deadline).await;
    assert_eq!(drained.unfinished, 0);
    assert!(took >= MS(100), "the delay was kept: {took:?}");
    assert!(took < deadline / 2, "{took:?}");
}

#[tokio::test]
async fn a_deadline_within_the_delay_fails_at_build() {
    let error = Vitals::builder()
        .isolated()
        .drain_delay(MS(500))
        .shutdown_deadline(MS(500))
        .build()
        .unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("shutdown_deadline", "500ms")
    );
}
