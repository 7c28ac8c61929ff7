//! Tells the client's part of a request from the service's: its time to send, and its leaving.

mod leaving;
mod passing;
mod streaming;
mod waiting;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tower_vitals::{Vitals, exchange::Outcome};

use crate::support::exposition::Exposition;

/// Pieces of a body, with a pause before each.
fn pieces(count: usize, pause: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::iter(0..count).then(move |_| async move {
        tokio::time::sleep(pause).await;
        Ok(Bytes::from_static(b"z"))
    })
}

fn slow_body(count: usize, pause: Duration) -> Body {
    Body::from_stream(pieces(count, pause))
}

/// The seconds that the main histogram has, over all requests.
fn seconds(vitals: &Vitals) -> f64 {
    Exposition::of(vitals).sum("http_request_duration_seconds_sum", &[])
}

/// Nothing but the outcome says that there were requests that the client left.
fn assert_left(vitals: &Vitals, requests: f64) {
    let scrape = Exposition::of(vitals);
    let labels = [("status", "499")];
    assert_eq!(scrape.sum("http_requests_total", &labels), requests);
    assert_eq!(scrape.sum("http_requests_total", &[]), requests);
    let labels = [("outcome", Outcome::Cancelled.as_str())];
    assert_eq!(scrape.sum("http_request_outcomes_total", &labels), requests);
    assert_eq!(scrape.sum("errors_total", &[]), 0.0);
    assert_eq!(scrape.sum("http_requests_by_severity_total", &[]), 0.0);
    assert_eq!(scrape.sum("http_request_duration_seconds_count", &[]), 0.0);
}

/// A server that closes each connection in the middle of its answer.
async fn breaking_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\nhalf";
            socket.write_all(head).await.unwrap();
        }
    });
    address
}
