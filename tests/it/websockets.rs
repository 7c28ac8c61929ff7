//! Follows an upgraded connection after its request has ended with 101.

use std::time::Duration;

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite;
use tower_vitals::{ShutdownReport, Vitals, WebSocketSessions, health::Health, logging::Format};

use crate::support::{
    exposition::Exposition,
    lines::{lines_with, written},
    server::draining,
    waiting::{eventually, settled},
};

/// How a session takes the news that the service drains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    SaysGoodbye,
    GoesOn,
}

/// Echoes bytes in upper case, until the client closes or the service drains.
async fn upgrade(mut request: Request, sessions: WebSocketSessions, manners: Manners) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    let session = sessions.begin();
    tokio::spawn(async move {
        let mut socket = TokioIo::new(upgraded.await.unwrap());
        let closing = session.closing();
        let echo = async move {
            let (mut closing, mut byte) = (Box::pin(closing), [0]);
            let mut drains = false;
            loop {
                tokio::select! {
                    read = socket.read_exact(&mut byte) => {
                        if read.is_err() {
                            return "the client left";
                        }
                        tracing::info!("a message");
                        socket.write_all(&byte.map(|it| it.to_ascii_uppercase())).await.unwrap();
                    }
                    () = &mut closing, if !drains => {
                        if manners == Manners::SaysGoodbye {
                            socket.write_all(b".").await.unwrap();
                            return "said goodbye";
                        }
                        drains = true;
                    }
                }
            }
        };
        let ended = session.run(echo).await;
        tracing::info!(ended, "session over");
    });
    let connection = HeaderValue::from_static("upgrade");
    let protocol = HeaderValue::from_static("shout");
    let headers = [
        (header::CONNECTION, connection),
        (header::UPGRADE, protocol),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Echoes texts in upper case, and closes when the service drains.
async fn shout(mut socket: WebSocket, closing: impl Future<Output = ()>) {
    let mut closing = std::pin::pin!(closing);
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                let text = text.to_uppercase();
                socket.send(Message::Text(text.into())).await.unwrap();
            }
            () = &mut closing => {
                socket.send(Message::Close(None)).await.unwrap();
                return;
            }
        }
    }
}

struct Service {
    vitals: Vitals,
    health: Health,
    running: JoinHandle<ShutdownReport>,
    client: TcpStream,
}

/// A service with one session, which has echoed one byte.
async fn with_a_session(manners: Manners, deadline: Duration) -> Service {
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(Duration::from_millis(20))
        .shutdown_deadline(deadline)
        .build()
        .unwrap();
    let sessions = vitals.websocket_sessions();
    let app = Router::new()
        .route(
            "/feed/{name}",
            get(move |request| upgrade(request, sessions.clone(), manners)),
        )
        .layer(vitals.layer());
    let (address, running) = draining(&vitals, app).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET /feed/a HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: shout\r\nx-request-id: id-9\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    client.write_all(b"a").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'A');
    Service {
        vitals,
        health,
        running,
        client,
    }
}

fn open(vitals: &Vitals) -> f64 {
    Exposition::of(vitals).sum("websocket_sessions", &[])
}

fn ended(vitals: &Vitals) -> f64 {
    let labels = [("endpoint", "/feed/{name}")];
    Exposition::of(vitals).sum("websocket_session_duration_seconds_count", &labels)
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_session_counts_from_101_to_its_end_and_its_lines_have_the_id() {
    let (log, _guard) = written(Format::Json);
    let mut service = with_a_session(Manners::SaysGoodbye, LONG).await;
    // Another test can have met the place of the line first, where nobody listens, and `tracing` can keep that answer.
    tracing::callsite::rebuild_interest_cache();
    service.client.write_all(b"b").await.unwrap();
    assert_eq!(service.client.read_u8().await.unwrap(), b'B');
    let vitals = &service.vitals;
    let totals = settled(vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.completed), (1, 1), "the request");
    assert_eq!((open(vitals), ended(vitals)), (1.0, 0.0), "the session");
    service.client.shutdown().await.unwrap();
    let closed = eventually(|| (open(vitals) == 0.0).then_some(())).await;
    assert!(closed.is_some());
    assert_eq!(ended(vitals), 1.0);
    let lines = lines_with(&log, "session over");
    let line = |message| lines.iter().find(|line| line["message"] == message);
    assert_eq!(line("a message").unwrap()["request_id"], "id-9");
    assert_eq!(line("session over").unwrap()["ended"], "the client left");
}

#[tokio::test]
async fn a_drain_lets_a_session_say_goodbye_and_waits_for_it() {
    let mut service = with_a_session(Manners::SaysGoodbye, LONG).await;
    service.health.drain();
    let report = service.running.await.unwrap();
    assert_eq!(report.unfinished, 0);
    assert_eq!((open(&service.vitals), ended(&service.vitals)), (0.0, 1.0));
    assert_eq!(service.client.read_u8().await.unwrap(), b'.');
    assert!(service.client.read_u8().await.is_err(), "it is closed");
}

#[tokio::test]
async fn a_websocket_of_axum_gets_a_close_frame_when_the_service_drains() {
    let health = Health::builder().start().unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(Duration::from_millis(20))
        .shutdown_deadline(LONG)
        .build()
        .unwrap();
    let sessions = vitals.websocket_sessions();
    let feed = async move |upgrade: WebSocketUpgrade| {
        let session = sessions.begin();
        upgrade.on_upgrade(async move |socket| {
            let closing = session.closing();
            session.run(shout(socket, closing)).await;
        })
    };
    let app = Router::new()
        .route("/feed/{name}", get(feed))
        .layer(vitals.layer());
    let (address, running) = draining(&vitals, app).await;
    let socket = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/feed/a");
    let (mut client, _) = tokio_tungstenite::client_async(url, socket).await.unwrap();
    client.send("a message".into()).await.unwrap();
    let answer = client.next().await.unwrap().unwrap();
    assert_eq!(answer.into_text().unwrap(), "A MESSAGE");
    assert_eq!((open(&vitals), ended(&vitals)), (1.0, 0.0));
    health.drain();
    let last = client.next().await.unwrap().unwrap();
    assert_eq!(last, tungstenite::Message::Close(None));
    assert_eq!(running.await.unwrap().unfinished, 0);
    assert_eq!((open(&vitals), ended(&vitals)), (0.0, 1.0));
}

#[tokio::test]
async fn the_deadline_drops_a_session_that_goes_on_and_reports_it() {
    let mut service = with_a_session(Manners::GoesOn, Duration::from_millis(300)).await;
    service.health.drain();
    let report = service.running.await.unwrap();
    assert_eq!(report.unfinished, 1);
    assert!(service.client.read_u8().await.is_err(), "it is closed");
    let vitals = &service.vitals;
    let closed = eventually(|| (open(vitals) == 0.0).then_some(())).await;
    assert!(closed.is_some());
    assert_eq!(ended(vitals), 1.0);
}

#[tokio::test]
async fn an_application_without_sessions_has_no_such_metric() {
    let vitals = Vitals::builder().isolated().build().unwrap();
    let scrape = Exposition::of(&vitals);
    let names = scrape.samples.keys().map(|(name, _)| name);
    assert_eq!(
        names.filter(|name| name.starts_with("websocket")).count(),
        0
    );
}
