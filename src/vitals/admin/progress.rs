//! Notes how the client of a connection takes its answers, so that one who takes nothing can be told.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{self, Instant};

/// The bytes that a server gets at once, so that it takes more only after the client has taken some.
const PIECE: usize = 64 << 10;

/// What happens on a connection. Clones share it.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Noted>>);

struct Noted {
    /// When something was asked or taken.
    last: Instant,
    next: u64,
    /// When something of an answer was taken. `None` while it is made.
    under_way: HashMap<u64, Option<Instant>>,
}

/// A request and its answer, until it is dropped.
pub(super) struct Exchange {
    progress: Progress,
    number: u64,
}

/// A body whose pieces are noted when the server takes them.
pub(super) struct Taken<B> {
    body: B,
    rest: Bytes,
    exchange: Exchange,
}

// === impl Progress ===

impl Progress {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Noted {
            last: Instant::now(),
            next: 0,
            under_way: HashMap::new(),
        })))
    }

    pub(super) fn begin(&self) -> Exchange {
        let mut noted = self.lock();
        noted.last = Instant::now();
        let number = noted.next;
        noted.next += 1;
        noted.under_way.insert(number, None);
        Exchange {
            progress: self.clone(),
            number,
        }
    }

    /// Ends when the client has asked nothing, or has taken nothing of one of its answers, for this long.
    pub(super) async fn stalls(&self, longest: Duration) {
        loop {
            let end = self.since() + longest;
            if end <= Instant::now() {
                return;
            }
            time::sleep_until(end).await;
        }
    }

    /// Since when the connection waits for its client.
    fn since(&self) -> Instant {
        let noted = self.lock();
        let oldest = noted.under_way.values().flatten().min();
        match oldest {
            Some(oldest) => *oldest,
            None if noted.under_way.is_empty() => noted.last,
            // The client waits.
            None => Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Exchange ===

impl Exchange {
    /// The body of the answer, which is made now.
    pub(super) fn answered<B>(self, body: B) -> Taken<B> {
        self.note();
        Taken {
            body,
            rest: Bytes::new(),
            exchange: self,
        }
    }

    fn note(&self) {
        let now = Instant::now();
        let mut noted = self.progress.lock();
        noted.last = now;
        noted.under_way.insert(self.number, Some(now));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut noted = self.progress.lock();
        noted.last = Instant::now();
        noted.under_way.remove(&self.number);
    }
}

// === impl Taken ===

impl<B> Body for Taken<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        this.exchange.note();
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, left) = (self.rest.len() as u64, self.body.size_hint());
        match left.exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => left,
        }
    }
}

#[cfg(test)]
mod tests;
