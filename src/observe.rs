//! Follows one exchange to its true end and tells its observer exactly once.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header, request, response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use crate::exchange::{Exchange, Kinds, Outcome, Shared};

/// What a layer does with an exchange that it speaks for.
///
/// `speaking` holds the kinds that no layer further out has claimed; a tuple hands each member its own.
pub(crate) trait Observer: fmt::Debug + Send + Sync {
    /// The kinds that this observer is of.
    fn kinds(&self) -> Kinds;
    /// Runs before the inner service is called.
    fn request(&self, speaking: Kinds, exchange: &Exchange, request: &mut request::Parts);
    /// Runs when there is a response, before it is passed on.
    fn head(&self, speaking: Kinds, exchange: &Exchange, response: &mut response::Parts);
    /// Runs once, however the exchange ends; also while unwinding.
    fn end(&self, speaking: Kinds, exchange: &Exchange, facts: &Facts);
}

/// What is known of an exchange when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) outcome: Outcome,
    /// Of the response's head, where there was one.
    pub(crate) status: Option<StatusCode>,
    /// To the head; to `Err`, panic or drop where there was none.
    pub(crate) head: Duration,
    pub(crate) total: Duration,
    pub(crate) bytes: u64,
    /// The body did not have the length that its head declared.
    pub(crate) length_mismatch: bool,
}

/// A service that is followed by an observer.
#[derive(Clone, Debug)]
pub(crate) struct Observed<S> {
    inner: S,
    observer: Arc<dyn Observer>,
}

pin_project! {
    /// The future of a response that one of our layers follows.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // First, so that it is dropped before the tracker tells the end.
        #[pin]
        inner: F,
        tracker: Option<Tracker>,
        head_only: bool,
    }
}

pin_project! {
    /// The body of a response that one of our layers follows; frames, trailers and hints are the inner body's.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        tracker: Option<Tracker>,
    }
}

/// The one guard of an exchange: made before the inner call, moved from the future into the body, ended by `Drop` at the latest.
#[derive(Debug)]
struct Tracker {
    observer: Arc<dyn Observer>,
    speaking: Kinds,
    exchange: Arc<Exchange>,
    /// Set while the inner service runs. A drop that finds it set comes from a panic, even where an outer `catch_unwind`
    /// has made `thread::panicking` false again.
    running: bool,
    ended: bool,
    head: Option<(StatusCode, Duration)>,
    declared: Option<u64>,
    /// gRPC says how it went in the trailers, so a body may only end there.
    ends_in_trailers: bool,
    bytes: u64,
}

// === impl Observer ===

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn kinds(&self) -> Kinds {
        self.0.kinds().and(self.1.kinds())
    }

    fn request(&self, speaking: Kinds, exchange: &Exchange, request: &mut request::Parts) {
        if speaking.overlaps(self.0.kinds()) {
            self.0.request(speaking, exchange, request);
        }
        if speaking.overlaps(self.1.kinds()) {
            self.1.request(speaking, exchange, request);
        }
    }

    fn head(&self, speaking: Kinds, exchange: &Exchange, response: &mut response::Parts) {
        if speaking.overlaps(self.0.kinds()) {
            self.0.head(speaking, exchange, response);
        }
        if speaking.overlaps(self.1.kinds()) {
            self.1.head(speaking, exchange, response);
        }
    }

    fn end(&self, speaking: Kinds, exchange: &Exchange, facts: &Facts) {
        if speaking.overlaps(self.0.kinds()) {
            self.0.end(speaking, exchange, facts);
        }
        if speaking.overlaps(self.1.kinds()) {
            self.1.end(speaking, exchange, facts);
        }
    }
}

// === impl Observed ===

impl<S> Observed<S> {
    pub(crate) fn new(inner: S, observer: Arc<dyn Observer>) -> Self {
        Self { inner, observer }
    }

    /// Finds or makes the exchange; `None` where layers further out speak for every kind of ours.
    fn begin(&self, request: &mut request::Parts) -> Option<Tracker> {
        let exchange = match request.extensions.get::<Shared>() {
            Some(Shared(exchange)) => Arc::clone(exchange),
            None => {
                let exchange = Arc::new(Exchange::new());
                request.extensions.insert(Shared(Arc::clone(&exchange)));
                exchange
            }
        };
        let speaking = exchange.claim(self.observer.kinds());
        if speaking.is_empty() {
            return None;
        }
        self.observer.request(speaking, &exchange, request);
        Some(Tracker {
            observer: Arc::clone(&self.observer),
            speaking,
            exchange,
            running: false,
            ended: false,
            head: None,
            declared: None,
            ends_in_trailers: false,
            bytes: 0,
        })
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Observed<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let mut tracker = self.begin(&mut parts);
        let head_only = parts.method == Method::HEAD;
        let request = Request::from_parts(parts, body);
        let inner = run(&mut tracker, || self.inner.call(request));
        ResponseFuture {
            inner,
            tracker,
            head_only,
        }
    }
}

/// Runs code of the inner service with its exchange current; a panic leaves the tracker marked as running.
fn run<T>(tracker: &mut Option<Tracker>, code: impl FnOnce() -> T) -> T {
    let Some(tracker) = tracker else {
        return code();
    };
    let _entered = tracker.exchange.enter();
    tracker.running = true;
    let value = code();
    tracker.running = false;
    value
}

// === impl ResponseFuture ===

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Body,
{
    type Output = Result<Response<ResponseBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(run(this.tracker, || this.inner.poll(cx))) {
            Ok(response) => response,
            Err(error) => {
                if let Some(mut tracker) = this.tracker.take() {
                    tracker.end(Outcome::Error);
                }
                return Poll::Ready(Err(error));
            }
        };
        let (mut parts, inner) = response.into_parts();
        let tracker = this
            .tracker
            .take()
            .and_then(|tracker| tracker.respond(&mut parts, &inner, *this.head_only));
        let body = ResponseBody { inner, tracker };
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}

// === impl ResponseBody ===

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(run(this.tracker, || this.inner.as_mut().poll_frame(cx)));
        if let Some(tracker) = this.tracker {
            let outcome = match &frame {
                None => Some(Outcome::Completed),
                Some(Err(_)) => Some(Outcome::BodyError),
                Some(Ok(frame)) => tracker.frame(frame, this.inner.is_end_stream()),
            };
            if let Some(outcome) = outcome {
                tracker.end(outcome);
                *this.tracker = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

// === impl Tracker ===

impl Tracker {
    /// Notes the head; gives the tracker back where a body is still to come.
    fn respond<B: Body>(
        mut self,
        response: &mut response::Parts,
        body: &B,
        head_only: bool,
    ) -> Option<Self> {
        self.head = Some((response.status, self.exchange.started().elapsed()));
        self.observer.head(self.speaking, &self.exchange, response);
        // hyper takes no body for these and drops it unpolled; 101 hands the connection over.
        let no_body = head_only
            || response.status.is_informational()
            || matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        self.ends_in_trailers = is_grpc(&response.headers);
        self.declared = content_length(&response.headers).or_else(|| body.size_hint().exact());
        if no_body || body.is_end_stream() || (self.declared == Some(0) && !self.ends_in_trailers) {
            self.declared = None;
            self.end(Outcome::Completed);
            return None;
        }
        Some(self)
    }

    /// The outcome, where this frame is the last that a server asks for.
    fn frame<D: bytes::Buf>(&mut self, frame: &Frame<D>, at_end: bool) -> Option<Outcome> {
        if frame.is_trailers() {
            return Some(Outcome::Completed);
        }
        let length = frame.data_ref().map_or(0, bytes::Buf::remaining);
        self.bytes = self.bytes.saturating_add(length as u64);
        // hyper stops polling once the declared length is reached.
        let sent_all = self.declared.is_some_and(|declared| self.bytes >= declared);
        ((at_end || sent_all) && !self.ends_in_trailers).then_some(Outcome::Completed)
    }

    fn end(&mut self, outcome: Outcome) {
        if self.ended {
            return;
        }
        self.ended = true;
        let total = Instant::now().duration_since(self.exchange.started());
        let facts = Facts {
            outcome,
            status: self.head.map(|(status, _)| status),
            head: self.head.map_or(total, |(_, head)| head),
            total,
            bytes: self.bytes,
            length_mismatch: outcome == Outcome::Completed
                && self.declared.is_some_and(|declared| declared != self.bytes),
        };
        self.observer.end(self.speaking, &self.exchange, &facts);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let outcome = if self.running {
            Outcome::Panicked
        } else if self.head.is_some() {
            Outcome::Aborted
        } else {
            Outcome::Cancelled
        };
        self.end(outcome);
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// gRPC proper; gRPC-Web carries its trailers inside the body and ends like any other.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let Some(rest) = kind.as_bytes().strip_prefix(b"application/grpc") else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

#[cfg(test)]
mod tests;
