//! Serves the connections of the admin port, of which there is a bounded number.

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    select,
    sync::{oneshot, watch},
    task::{AbortHandle, JoinSet},
    time,
};

use super::{answers::Answers, progress::Progress};

/// The most connections. One more closes the oldest: a probe comes on a connection of its own, and must be answered however
/// many readers are stuck.
const MOST: usize = 256;

/// How long a connection may take for its first bytes or the head of a request, wait for one, or take nothing of an answer.
const LONGEST: Duration = Duration::from_secs(30);

/// How long the end of a connection that is closed may take.
const FAREWELL: Duration = Duration::from_secs(1);

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

async fn connection<I>(stream: I, peer: SocketAddr, answers: Answers, mut stop: watch::Receiver<()>)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    // HTTP/1 alone: who probes and scrapes speaks it, and one connection holds one answer.
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(LONGEST);
    let progress = Progress::new();
    let noted = progress.clone();
    let answer = service_fn(move |request| {
        let mut answers = answers.clone();
        let exchange = noted.begin();
        async move {
            let answer = answers.answer(request, peer).await;
            Ok::<_, Infallible>(answer.map(|body| exchange.answered(body)))
        }
    });
    let mut served = pin!(server.serve_connection(TokioIo::new(stream), answer));
    let mut stalled = pin!(progress.stalls(LONGEST));
    // A connection that fails is the client's affair.
    select! {
        _ = &mut served => return,
        () = &mut stalled => {}
        _ = stop.changed() => {
            served.as_mut().graceful_shutdown();
            select! {
                _ = &mut served => return,
                () = &mut stalled => {}
            }
        }
    }
    served.as_mut().graceful_shutdown();
    let _ = time::timeout(FAREWELL, served).await;
}

#[cfg(test)]
#[cfg(feature = "prometheus")]
mod tests;
