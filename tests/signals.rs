//! Sends signals to a process that `Health::drain` has told to end.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::{
    convert::Infallible,
    process::{self, Command},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::Mutex,
    time,
};
use tower_vitals::{Vitals, health::Health};

/// A signal is for the whole process, so for one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Sends a signal to this process, and waits until every listener has it.
async fn send(name: &str, heard: &mut Signal) {
    let id = process::id().to_string();
    let sent = Command::new("kill").args([name, &id]).status().unwrap();
    assert!(sent.success());
    heard.recv().await.unwrap();
}

#[tokio::test]
async fn after_a_drain_by_the_application_the_second_signal_ends_the_server() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(600))
        .build()
        .unwrap();
    let endless = get(async || {
        Body::from_stream(
            stream::once(async { Ok::<_, Infallible>("first") }).chain(stream::pending()),
        )
    });
    let app: Router = Router::new()
        .route("/endless", endless)
        .layer(vitals.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let mut running = tokio::spawn({
        let vitals = vitals.clone();
        async move { vitals.run(server).await.unwrap() }
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    client.read_exact(&mut [0; 1]).await.unwrap();
    health.drain();
    // The server has heard of it when it accepts no more.
    while TcpStream::connect(address).await.is_ok() {
        time::sleep(Duration::from_millis(2)).await;
    }
    send("-TERM", &mut terminate).await;
    let early = time::timeout(Duration::from_millis(200), &mut running).await;
    assert!(early.is_err(), "the first signal drains: {early:?}");
    send("-INT", &mut interrupt).await;
    let ended = time::timeout(Duration::from_secs(5), running).await;
    let report = ended.unwrap().unwrap();
    assert_eq!(report.unfinished, 1);
}

#[tokio::test]
async fn after_a_signal_the_admin_port_tells_that_the_service_drains() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .admin_addr("127.0.0.1:0")
        .drain_delay(Duration::from_secs(1))
        .shutdown_deadline(Duration::from_secs(600))
        .build()
        .unwrap();
    let admin = vitals.bind_admin().unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server =
        axum::serve(listener, Router::new()).with_graceful_shutdown(vitals.shutdown_signal());
    let running = tokio::spawn(async move { vitals.run(server).await.unwrap() });
    let ready = async || {
        let mut probe = TcpStream::connect(admin).await.unwrap();
        let request = b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        probe.write_all(request).await.unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 200")
    };
    assert!(ready().await);
    send("-TERM", &mut terminate).await;
    while ready().await {
        time::sleep(Duration::from_millis(2)).await;
    }
    running.await.unwrap();
    assert!(TcpStream::connect(admin).await.is_err());
}
