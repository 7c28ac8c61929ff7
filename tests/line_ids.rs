//! Writes lines wherever code of a request runs: each has the ids of its own request, in both formats.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Barrier,
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower_vitals::{
    TraceContextLayer, Vitals, WebSocketSessions, exchange::Exchange, logging::Format,
};
use tracing::{Instrument, info, info_span};

use crate::lines::{Written, written};

/// Where a line is written.
const PLACES: [&str; 6] = [
    "handler",
    "instrumented",
    "task",
    "blocking",
    "body",
    "session",
];

/// Two requests at a time, whose code takes turns.
#[derive(Clone)]
struct Shared {
    turns: Arc<Barrier>,
    sessions: WebSocketSessions,
}

impl Shared {
    /// Writes a line on each side of a turn of the other request.
    async fn line(&self, place: &'static str, of: &str) {
        info!(of, "{place}");
        self.turns.wait().await;
        info!(of, "{place}");
    }
}

async fn talk(State(shared): State<Shared>, Path(of): Path<String>) -> Body {
    shared.line("handler", &of).await;
    // A span that claims the ids of others.
    let span = info_span!("work", request_id = "not-mine", trace_id = "nor-this");
    shared.line("instrumented", &of).instrument(span).await;
    let exchange = Exchange::current().unwrap();
    let (in_task, own) = (shared.clone(), of.clone());
    let task = async move { in_task.line("task", &own).await };
    tokio::spawn(exchange.scope(task)).await.unwrap();
    let (exchange, own) = (Exchange::current().unwrap(), of.clone());
    let twice = move || (0..2).for_each(|_| info!(of = own, "blocking"));
    // On this thread, since the subscriber is that of the thread.
    exchange.run(twice);
    let pieces = stream::iter([1]).then(move |_| {
        let (shared, of) = (shared.clone(), of.clone());
        async move {
            shared.line("body", &of).await;
            Ok::<_, Infallible>(Bytes::from_static(b"."))
        }
    });
    Body::from_stream(pieces)
}

async fn feed(
    State(shared): State<Shared>,
    Path(of): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let session = shared.sessions.begin();
    upgrade.on_upgrade(async move |mut socket| {
        let code = async {
            shared.line("session", &of).await;
            socket.send("over".into()).await.unwrap();
        };
        session.run(code).await;
    })
}

fn trace_of(of: &str) -> String {
    of.repeat(32)
}

async fn ask(address: SocketAddr, of: &str) {
    let trace = format!("00-{}-{}-01", trace_of(of), "9".repeat(16));
    let request = format!(
        "GET /talk/{of} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-id: id-{of}\r\ntraceparent: {trace}\r\n\r\n"
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut upgrade = format!("ws://{address}/feed/{of}")
        .into_client_request()
        .unwrap();
    let headers = upgrade.headers_mut();
    headers.insert("x-request-id", format!("id-{of}").parse().unwrap());
    headers.insert("traceparent", trace.parse().unwrap());
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut client, _) = tokio_tungstenite::client_async(upgrade, socket)
        .await
        .unwrap();
    assert_eq!(
        client.next().await.unwrap().unwrap().into_text().unwrap(),
        "over"
    );
    let _ = client.close(None).await;
}

/// The lines of our code, by which request says that it wrote them.
async fn told(builder: tower_vitals::vitals::VitalsBuilder, format: Format) -> Vec<String> {
    let traces = TraceContextLayer::new();
    let builder = builder.isolated().trace_context(traces);
    let vitals = builder.build().unwrap();
    let shared = Shared {
        turns: Arc::new(Barrier::new(2)),
        sessions: vitals.websocket_sessions(),
    };
    let app = Router::new()
        .route("/talk/{of}", get(talk))
        .route("/feed/{of}", get(feed))
        .layer(vitals.layer())
        .with_state(shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    let (log, _guard): (Written, _) = written(format);
    tracing::callsite::rebuild_interest_cache();
    tokio::join!(ask(address, "1"), ask(address, "2"));
    server.abort();
    let text = log.take();
    let ours = text.lines().filter(|line| line.contains("line_ids"));
    ours.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_line_has_the_ids_of_its_request_wherever_it_is_written_in_both_formats() {
    for format in [Format::Json, Format::Text] {
        for with_span in [false, true] {
            let builder = match with_span {
                false => Vitals::builder(),
                true => Vitals::builder().span(),
            };
            let lines = told(builder, format).await;
            let field = |name: &str, value: &str| match format {
                Format::Json => format!(r#""{name}":"{value}""#),
                _ => format!(r#"{name}="{value}""#),
            };
            for (of, other) in [("1", "2"), ("2", "1")] {
                let own: Vec<_> = lines
                    .iter()
                    .filter(|line| line.contains(&field("of", of)))
                    .collect();
                for place in PLACES {
                    let there = own.iter().filter(|line| line.contains(place)).count();
                    assert_eq!(there, 2, "{place} {own:#?}");
                }
                assert_eq!(own.len(), 2 * PLACES.len());
                for line in own {
                    assert!(line.contains(&format!("id-{of}")), "{line}");
                    assert!(line.contains(&field("trace_id", &trace_of(of))), "{line}");
                    assert!(!line.contains(&format!("id-{other}")), "{line}");
                    assert!(!line.contains(&trace_of(other)), "{line}");
                }
            }
        }
    }
}
