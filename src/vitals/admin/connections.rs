//! Serves the connections of the admin port, of which there is a bounded number.

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

#[cfg(not(feature = "tonic"))]
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(feature = "tonic")]
use hyper_util::{rt::TokioExecutor, server::conn::auto};
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

/// How long a client of HTTP/2 may send nothing, and then give no sign of life.
#[cfg(feature = "tonic")]
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// The most requests of a connection of HTTP/2 at a time.
#[cfg(feature = "tonic")]
const MOST_STREAMS: u32 = 16;

/// The bytes of an answer of HTTP/2 that wait for their client. The rest stays with the answer.
#[cfg(feature = "tonic")]
const MOST_UNSENT: usize = 64 << 10;

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
    let server = server();
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

/// HTTP/1. Who probes and scrapes speaks it, and one connection holds one answer.
#[cfg(not(feature = "tonic"))]
fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(LONGEST);
    server
}

/// HTTP/1 and HTTP/2, for who speaks gRPC has its clients.
#[cfg(feature = "tonic")]
fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_send_buf_size(MOST_UNSENT)
        .keep_alive_interval(LONGEST_SILENCE)
        .keep_alive_timeout(LONGEST_SILENCE);
    server
}

#[cfg(test)]
#[cfg(all(feature = "prometheus", feature = "tonic"))]
mod tests;
