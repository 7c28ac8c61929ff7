//! Drains at a shutdown, and ends at its deadline.

use std::{
    convert::Infallible,
    future::{IntoFuture, pending},
    io,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures::{future::BoxFuture, stream};
use hyper::{Response, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::{self, JoinSet},
    time,
};
use tower_vitals::{Vitals, health::Health};

use super::MS;
use crate::support::{server::draining, waiting::settled};

/// How long the server still accepts requests. The tests send two in that time, also on a busy machine.
const DELAY: Duration = Duration::from_secs(1);

/// Shuts down an application that has an endless stream open; the client leaves, or stays.
async fn shut_down(stay: bool, deadline: Duration) -> (tower_vitals::ShutdownReport, Duration) {
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(DELAY)
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
    let deadline = 2 * DELAY;
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
    assert!(took >= DELAY, "the delay was kept: {took:?}");
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

/// Serves a handler that hangs until the deadline of a shutdown. Returns whether it has ended when `run` returned, and whether it
/// has when the runtime was dropped.
fn hangs_at_the_deadline(
    serve: impl FnOnce(TcpListener, Router, &Vitals) -> BoxFuture<'static, io::Result<()>>,
) -> [bool; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (held, ended) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let handler = async move || {
        let _held = held.lock().unwrap().take();
        pending::<()>().await
    };
    let has_ended = || ended.try_recv() == Err(mpsc::TryRecvError::Disconnected);
    let at_return = runtime.block_on(async {
        let health = Health::builder().start().unwrap();
        let vitals = Vitals::builder()
            .isolated()
            .health(health.service())
            .drain_delay(MS(1))
            .shutdown_deadline(MS(50))
            .build()
            .unwrap();
        let app = Router::new().route("/hangs", get(handler));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, app.layer(vitals.layer()), &vitals);
        let of_run = vitals.clone();
        let running = task::spawn(async move { of_run.run(server).await.unwrap() });
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET /hangs HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        settled(&vitals, |totals| totals.in_flight == 1).await;
        assert!(!has_ended());
        health.drain();
        assert_eq!(running.await.unwrap().unfinished, 1);
        // What can end ends.
        for _ in 0..100 {
            task::yield_now().await;
        }
        has_ended()
    });
    drop(runtime);
    [at_return, has_ended()]
}

#[test]
fn a_request_of_axum_outlives_the_deadline_and_ends_with_the_runtime() {
    let ended = hangs_at_the_deadline(|listener, app, vitals| {
        let server = axum::serve(listener, app);
        let server = server.with_graceful_shutdown(vitals.shutdown_signal());
        Box::pin(server.into_future())
    });
    assert_eq!(ended, [false, true]);
}

#[test]
fn a_server_that_owns_its_connections_ends_them_at_the_deadline() {
    let ended = hangs_at_the_deadline(|listener, app, vitals| {
        let signal = vitals.shutdown_signal();
        Box::pin(async move {
            let mut open = JoinSet::new();
            let accepting = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let service = TowerToHyperService::new(app.clone());
                    let stream = TokioIo::new(stream);
                    open.spawn(http1::Builder::new().serve_connection(stream, service));
                }
            };
            tokio::select! {
                () = signal => {}
                () = accepting => {}
            }
            while open.join_next().await.is_some() {}
            Ok(())
        })
    });
    assert_eq!(ended, [true, true]);
}
