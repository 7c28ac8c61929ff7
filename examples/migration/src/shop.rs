//! The service itself, which knows nothing of what observes it.

use std::{convert::Infallible, error::Error, fmt, future, sync::mpsc::Sender, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time;

/// Why an order cannot be paid.
#[derive(Debug)]
pub struct CardRefused(pub BankIsAway);

/// Why the card was refused.
#[derive(Debug)]
pub struct BankIsAway;

/// Tells the test what happens to a request whose client leaves.
#[derive(Clone, Debug)]
pub struct Signals(pub Sender<Signal>);

/// What the test waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The handler runs.
    Entered,
    /// The handler or the body was dropped.
    Dropped,
}

/// The routes. `pay` is the only handler that the move changes.
pub fn routes(pay: MethodRouter<Signals>, signals: Signals) -> Router {
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/pay", pay)
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route("/stream", get(stream))
        .route("/wait", get(wait))
        .route("/endless", get(endless))
        .with_state(signals)
}

/// Fails as the bank does.
///
/// # Errors
///
/// Always.
pub fn charge() -> Result<&'static str, CardRefused> {
    Err(CardRefused(BankIsAway))
}

async fn order(Path(id): Path<u64>) -> Response {
    match id {
        7 => "seven teas\n".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn slow() -> &'static str {
    time::sleep(Duration::from_millis(600)).await;
    "at last\n"
}

async fn panics() -> &'static str {
    panic!("no tea without water");
}

/// Three pieces, the last of which comes after 300 ms.
async fn stream() -> Body {
    let pieces = stream::iter(["one\n", "two\n", "three\n"]).then(|piece| async move {
        time::sleep(Duration::from_millis(100)).await;
        Ok::<_, Infallible>(Bytes::from(piece))
    });
    Body::from_stream(pieces)
}

/// Waits until its client has left.
async fn wait(State(signals): State<Signals>) -> &'static str {
    let _guard = signals.guard();
    future::pending().await
}

/// One piece, and then nothing until its client has left.
async fn endless(State(signals): State<Signals>) -> Body {
    let guard = signals.guard();
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from("first\n"))]);
    Body::from_stream(first.chain(stream::once(async move {
        let _guard = guard;
        future::pending().await
    })))
}

struct Guard(Signals);

// === impl Signals ===

impl Signals {
    fn guard(self) -> Guard {
        self.send(Signal::Entered);
        Guard(self)
    }

    /// A test that has ended listens no more.
    fn send(&self, signal: Signal) {
        let _ = self.0.send(signal);
    }
}

// === impl Guard ===

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send(Signal::Dropped);
    }
}

// === impl CardRefused ===

impl fmt::Display for CardRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the card was refused")
    }
}

impl Error for CardRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

// === impl BankIsAway ===

impl fmt::Display for BankIsAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bank does not answer")
    }
}

impl Error for BankIsAway {}
