//! Follows the body of a request: its bytes, how long it keeps its reader waiting, and whether the client left.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{
    facts::{client_left, exchange::Exchange, marks::Mark},
    runtime::late_now,
};

pin_project! {
    /// The body of a request that a layer follows. Frames, trailers and hints are those of the inner body.
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        // `None` if nobody follows the body.
        exchange: Option<Arc<Exchange>>,
        // Made when the body keeps its reader waiting for the first time.
        waker: Option<Arc<ReaderWaker>>,
        bytes: u64,
    }

    impl<B> PinnedDrop for RequestBody<B> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(exchange) = this.project().exchange {
                exchange.client_wait().end(late_now);
            }
        }
    }
}

/// Ends the wait when the client has sent more, and then wakes the reader.
struct ReaderWaker {
    exchange: Arc<Exchange>,
    reader: Mutex<Waker>,
    woken: AtomicBool,
}

/// Lets an exchange follow the body of its request, if the body has a type that can hold any body. Only the outermost layer
/// that can does it. A body at its end stays as it is. Returns `true` if it surely is at its end.
#[inline(always)]
pub(super) fn follow<B: 'static>(body: &mut B, exchange: &Arc<Exchange>) -> bool {
    let body: &mut dyn Any = body;
    #[cfg(feature = "axum")]
    if let Some(body) = body.downcast_mut::<axum::body::Body>() {
        if body.is_end_stream() {
            return true;
        }
        if exchange.marks().set(Mark::BodyFollowed) {
            let inner = std::mem::take(body);
            // The new body wraps each error as the old one did. So the error loses that wrapper first.
            let followed = RequestBody::followed(inner, exchange);
            let followed = http_body_util::BodyExt::map_err(followed, axum::Error::into_inner);
            *body = axum::body::Body::new(followed);
        }
        return false;
    }
    #[cfg(feature = "tonic")]
    if let Some(body) = body.downcast_mut::<tonic::body::Body>() {
        if body.is_end_stream() {
            return true;
        }
        if exchange.marks().set(Mark::BodyFollowed) {
            let inner = std::mem::take(body);
            *body = tonic::body::Body::new(RequestBody::followed(inner, exchange));
        }
        return false;
    }
    #[cfg(not(any(feature = "axum", feature = "tonic")))]
    let _ = exchange;
    let incoming = body.downcast_ref::<hyper::body::Incoming>();
    incoming.is_some_and(Body::is_end_stream)
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    /// A body that passes through, followed by `exchange` if there is one and no other layer follows the body yet.
    pub(super) fn new(inner: B, exchange: Option<&Arc<Exchange>>) -> Self {
        let exchange = exchange.filter(|exchange| exchange.marks().set(Mark::BodyFollowed));
        Self {
            inner,
            exchange: exchange.cloned(),
            waker: None,
            bytes: 0,
        }
    }

    fn followed(inner: B, exchange: &Arc<Exchange>) -> Self {
        Self {
            inner,
            exchange: Some(Arc::clone(exchange)),
            waker: None,
            bytes: 0,
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Error: 'static>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(exchange) = this.exchange else {
            return this.inner.poll_frame(cx);
        };
        let mut polled = Poll::Pending;
        if let Some(waker) = this.waker {
            exchange.client_wait().end(Instant::now);
            waker.set_reader(cx.waker());
        } else {
            polled = this.inner.as_mut().poll_frame(cx);
        }
        if polled.is_pending() {
            // Most bodies are ready at the first poll. So only the second one brings the waker.
            let waker = this
                .waker
                .get_or_insert_with(|| ReaderWaker::new(exchange, cx.waker()));
            let context = Waker::from(Arc::clone(waker));
            polled = this
                .inner
                .as_mut()
                .poll_frame(&mut Context::from_waker(&context));
            if polled.is_pending() {
                exchange.client_wait().begin(Instant::now());
                // The client can have sent more since the poll.
                if waker.woken.load(Ordering::Acquire) {
                    exchange.client_wait().end(Instant::now);
                }
            }
        }
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    *this.bytes = this.bytes.saturating_add(data.remaining() as u64);
                    exchange.note_request_bytes(*this.bytes);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(mark) = client_left::told_by(error) {
                    exchange.marks().set(mark);
                }
            }
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// === impl ReaderWaker ===

impl ReaderWaker {
    fn new(exchange: &Arc<Exchange>, reader: &Waker) -> Arc<Self> {
        Arc::new(Self {
            exchange: Arc::clone(exchange),
            reader: Mutex::new(reader.clone()),
            woken: AtomicBool::new(false),
        })
    }

    /// Sets who is woken, before the body is polled again.
    fn set_reader(&self, reader: &Waker) {
        self.woken.store(false, Ordering::Release);
        let mut current = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone_from(reader);
    }
}

impl Wake for ReaderWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.exchange.client_wait().end(late_now);
        // The lock is released before: a runtime may run anything when it is woken.
        let reader = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        reader.wake();
    }
}
