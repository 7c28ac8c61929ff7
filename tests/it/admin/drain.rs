//! Answers at the admin port until everything else has ended.

use http_body_util::BodyExt;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use super::{Kind, Running, ask};
use crate::support::client::Client;

#[tokio::test]
async fn the_admin_port_answers_during_the_drain_and_closes_last() {
    for kind in [Kind::Axum, Kind::Tonic, Kind::Hyper] {
        let running = Running::start(kind, Duration::from_secs(1), Duration::from_secs(60)).await;
        let mut admin = Client::Http1(running.admin, None);
        running.health.drain();
        let (status, text) = ask(&mut admin, "GET", "/readyz").await;
        assert_eq!(status, 503, "{kind:?}");
        assert!(text.contains("[-]draining"), "{kind:?}: {text}");
        assert_eq!(ask(&mut admin, "GET", "/livez").await.0, 200, "{kind:?}");
        // The server accepts no more; the admin port does as long as `run` runs.
        let (app, task) = (running.app, running.task);
        task.await.unwrap();
        assert!(TcpStream::connect(app).await.is_err(), "{kind:?}");
        assert!(TcpStream::connect(running.admin).await.is_err(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_server_that_drains_is_still_probed_and_scraped() {
    let deadline = Duration::from_secs(60);
    let running = Running::start(Kind::Axum, Duration::ZERO, deadline).await;
    let mut client = Client::Http1(running.app, None);
    let mut endless = client.get("/endless").await.unwrap();
    endless.body_mut().frame().await.unwrap().unwrap();
    running.health.drain();
    while TcpStream::connect(running.app).await.is_ok() {
        time::sleep(Duration::from_millis(2)).await;
    }
    let mut admin = Client::Http2(running.admin, None);
    assert_eq!(ask(&mut admin, "GET", "/readyz").await.0, 503);
    assert_eq!(ask(&mut admin, "GET", "/livez").await.0, 200);
    let (_, metrics) = ask(&mut admin, "GET", "/metrics").await;
    assert!(metrics.contains("http_requests_in_flight 1"), "{metrics}");
    drop(endless);
    client.hang_up();
    assert_eq!(running.task.await.unwrap().unfinished, 0);
}

#[tokio::test]
async fn a_reader_who_is_stuck_at_the_admin_port_does_not_hold_the_deadline() {
    let deadline = Duration::from_millis(400);
    let running = Running::start(Kind::Axum, Duration::ZERO, deadline).await;
    let mut stuck = TcpStream::connect(running.admin).await.unwrap();
    stuck.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    let mut client = Client::Http1(running.app, None);
    let _endless = client.get("/endless").await.unwrap();
    let begun = time::Instant::now();
    let report = running.end().await;
    assert_eq!(report.unfinished, 1);
    let took = begun.elapsed();
    assert!(
        took >= deadline && took < deadline + Duration::from_secs(3),
        "{took:?}"
    );
    assert_eq!(stuck.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}
