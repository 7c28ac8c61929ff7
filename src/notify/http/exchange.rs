//! Carries one request and its answer over a connection of its own.

use std::{io, thread, time::Duration};

use bytes::Bytes;
use http::{Request, response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    runtime::{Builder, Handle},
    time::{Instant, timeout_at},
};
use tracing::{Dispatch, dispatcher};

use super::{
    super::{address::Address, retry},
    LONGEST,
    connect::Connector,
    failed::Failed,
};
use crate::report::delivery_queue::contained;

/// What came back.
pub(super) struct Answered {
    pub(super) head: response::Parts,
    /// What came of it in time, up to its limit. The head says already whether the message arrived.
    pub(super) body: Vec<u8>,
}

/// Sends a request and waits for its answer, at most `time`, on a runtime of its own: it needs none of the application, and waits
/// for nothing there.
pub(super) fn exchange(
    connector: &Connector,
    address: &Address,
    request: Request<Full<Bytes>>,
    time: Duration,
) -> Result<Answered, Failed> {
    let run = || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let answered = runtime.block_on(answered(connector, address, request, time));
        runtime.shutdown_background();
        answered
    };
    // A runtime panics where the system has no more threads or descriptors. That can pass.
    let exchange = || {
        let quiet = || dispatcher::with_default(&Dispatch::none(), run);
        let failed = || Err(io::Error::other("its runtime cannot start").into());
        contained(quiet).unwrap_or_else(failed)
    };
    if Handle::try_current().is_err() {
        return exchange();
    }
    // One runtime cannot wait on the thread of another one.
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("vitals-notify-once".to_owned());
        let joined = thread.spawn_scoped(scope, exchange)?.join();
        joined.unwrap_or_else(|_| Err(io::Error::other("its thread ended").into()))
    })
}

async fn answered(
    connector: &Connector,
    address: &Address,
    request: Request<Full<Bytes>>,
    time: Duration,
) -> Result<Answered, Failed> {
    let deadline = retry::deadline(time);
    let ask = async {
        let stream = connector.connect(address, deadline).await?;
        let mut client = http1::Builder::new();
        let connected = client
            .max_buf_size(LONGEST)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = connected?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        Ok::<_, Failed>(response)
    };
    let response = timeout_at(deadline, ask).await;
    let (head, body) = response.map_err(|_| Failed::Late)??.into_parts();
    let body = beginning(body, deadline).await;
    Ok(Answered { head, body })
}

/// What comes of a body in time, up to its limit.
async fn beginning(mut body: Incoming, deadline: Instant) -> Vec<u8> {
    let mut kept = Vec::new();
    while kept.len() < LONGEST
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await
    {
        if let Some(data) = frame.data_ref() {
            let room = LONGEST - kept.len();
            kept.extend_from_slice(data.get(..room).unwrap_or(data));
        }
    }
    kept
}
