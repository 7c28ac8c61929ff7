//! Serves the connections of the admin port, of which there is a bounded number.

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::{oneshot, watch},
    task::{AbortHandle, JoinSet},
    time,
};

use super::answers::Answers;

/// The most connections. One more closes the oldest: a probe comes on a connection of its own, and must be answered however
/// many readers are stuck.
const MOST: usize = 256;

/// How long a connection may take for the head of a request, or wait for one.
const LONGEST_HEAD: Duration = Duration::from_secs(30);

/// The pause after a connection that could not be accepted: the process has no more file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The open connections.
pub(super) struct Connections {
    answers: Answers,
    open: JoinSet<()>,
    /// From the oldest to the newest.
    by_age: VecDeque<AbortHandle>,
    /// Dropped when every connection must end after what it has begun.
    stop: watch::Sender<()>,
}

// === impl Connections ===

impl Connections {
    pub(super) fn new(answers: Answers) -> Self {
        Self {
            answers,
            open: JoinSet::new(),
            by_age: VecDeque::new(),
            stop: watch::Sender::new(()),
        }
    }

    /// Accepts connections until the sender of `stopped` is dropped, then waits for those that are busy.
    pub(super) async fn serve(mut self, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
        loop {
            select! {
                _ = &mut stopped => break,
                Some(_) = self.open.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.add(stream, peer),
                    Err(_) => time::sleep(PAUSE).await,
                },
            }
        }
        drop(listener);
        drop(self.stop);
        while self.open.join_next().await.is_some() {}
    }

    fn add(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.by_age.retain(|connection| !connection.is_finished());
        while self.by_age.len() >= MOST {
            if let Some(oldest) = self.by_age.pop_front() {
                oldest.abort();
            }
        }
        let answers = self.answers.clone();
        let connection = connection(stream, peer, answers, self.stop.subscribe());
        self.by_age.push_back(self.open.spawn(connection));
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    answers: Answers,
    mut stop: watch::Receiver<()>,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEAD);
    let answer = service_fn(move |request| {
        let mut answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(request, peer).await) }
    });
    let mut served = pin!(server.serve_connection(TokioIo::new(stream), answer));
    // A connection that fails is the client's affair.
    select! {
        _ = &mut served => {}
        _ = stop.changed() => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}
