//! Follows one exchange to its true end and tells its observer exactly once.

mod observer;

use std::{
    any::Any,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header, request, response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::{runtime::Handle, time::Instant};
use tower_service::Service;

pub(crate) use self::observer::{Facts, Observer};
use crate::{
    exchange::{EnterMode, Exchange, LayerKinds, Outcome, Shared},
    exclude::Patterns,
    facts::grpc,
    facts::route::Endpoint,
};

/// A layer's settings and reports, shared by all services it makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine<O: ?Sized = dyn Observer> {
    pub(crate) exclude: Patterns,
    pub(crate) observer: O,
}

/// The service that each of our layers makes: the inner one, followed from request to true end.
///
/// `E` says whether errors are looked into: [`Examined`] or [`Unexamined`].
pub struct Observed<S, E = Unexamined> {
    inner: S,
    engine: Arc<Engine>,
    errors: PhantomData<fn() -> E>,
}

/// Looks into errors of type `E`, or does not; nobody else can.
pub trait Errors<E>: sealed::Sealed {
    #[doc(hidden)]
    fn look(error: &E) -> Option<&dyn Any>;
}

/// Errors pass unseen, whatever their type.
#[derive(Clone, Copy, Debug)]
pub enum Unexamined {}

/// Errors are looked into before they are passed on; their types must be `'static`.
#[derive(Clone, Copy, Debug)]
pub enum Examined {}

mod sealed {
    #[expect(
        unnameable_types,
        reason = "so that nobody else can implement what it seals"
    )]
    pub trait Sealed {}
}

pin_project! {
    /// The future of a response that one of our layers follows.
    pub struct ResponseFuture<F, E = Unexamined> {
        // Empty only while being dropped.
        #[pin]
        inner: Option<F>,
        tracker: Option<Tracker>,
        head_only: bool,
        errors: PhantomData<fn() -> E>,
    }

    impl<F, E> PinnedDrop for ResponseFuture<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The handler's destructors still run in its exchange, and before its end is told.
            let _entered = this.tracker.as_ref().and_then(|tracker| tracker.enter(EnterMode::Drop));
            this.inner.set(None);
        }
    }
}

pin_project! {
    /// The body of a response that one of our layers follows; frames, trailers and hints are the inner body's.
    pub struct ResponseBody<B, E = Unexamined> {
        // Empty only while being dropped.
        #[pin]
        inner: Option<B>,
        tracker: Option<Tracker>,
        errors: PhantomData<fn() -> E>,
    }

    impl<B, E> PinnedDrop for ResponseBody<B, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.tracker.as_ref().and_then(|tracker| tracker.enter(EnterMode::Drop));
            this.inner.set(None);
        }
    }
}

/// The one guard of an exchange: made before the inner call, moved from the future into the body, ended by `Drop` at the latest.
#[derive(Debug)]
struct Tracker {
    engine: Arc<Engine>,
    active: LayerKinds,
    exchange: Arc<Exchange>,
    /// None of ours to watch.
    excluded: bool,
    /// Set while the inner service runs. A drop that finds it set comes from a panic, even where an outer `catch_unwind`
    /// has made `thread::panicking` false again.
    running: bool,
    ended: bool,
    head: Option<(StatusCode, Duration)>,
    declared: Option<u64>,
    streamed: bool,
    grpc: Option<grpc::Call>,
    /// gRPC says how it went in the trailers, so a body may only end there.
    ends_in_trailers: bool,
    bytes: u64,
}

// === impl Errors ===

impl sealed::Sealed for Unexamined {}

impl<E> Errors<E> for Unexamined {
    fn look(_: &E) -> Option<&dyn Any> {
        None
    }
}

impl sealed::Sealed for Examined {}

impl<E: 'static> Errors<E> for Examined {
    fn look(error: &E) -> Option<&dyn Any> {
        Some(error)
    }
}

// === impl Observed ===

impl<S: Clone, E> Clone for Observed<S, E> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.engine))
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Observed<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("inner", &self.inner)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl<S, E> Observed<S, E> {
    pub(crate) const fn new(inner: S, engine: Arc<Engine>) -> Self {
        Self {
            inner,
            engine,
            errors: PhantomData,
        }
    }

    /// Finds or makes the exchange; `None` where layers further out speak for every kind of ours.
    fn begin(&self, request: &mut request::Parts) -> Option<Tracker> {
        let exchange = match request.extensions.get::<Shared>() {
            Some(Shared(exchange)) => Arc::clone(exchange),
            None => {
                let exchange = Arc::new(Exchange::new(request));
                request.extensions.insert(Shared(Arc::clone(&exchange)));
                exchange
            }
        };
        if exchange.is_excluded() {
            return None;
        }
        let observer = &self.engine.observer;
        let active = exchange.claim(observer.kinds());
        let excluded = self.engine.exclude.matches(exchange.path());
        if excluded {
            exchange.exclude();
        } else {
            let endpoint = Endpoint::of(&request.extensions);
            exchange.update(|overrides| {
                overrides.endpoint = endpoint.or(overrides.endpoint.take());
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                observer.request(active, &exchange, request);
            }
        }
        (!active.is_empty()).then(|| Tracker {
            engine: Arc::clone(&self.engine),
            active,
            exchange,
            excluded,
            running: false,
            ended: false,
            head: None,
            declared: None,
            streamed: false,
            grpc: grpc::Call::of(&request.headers),
            ends_in_trailers: false,
            bytes: 0,
        })
    }
}

impl<S, E, ReqBody, ResBody> Service<Request<ReqBody>> for Observed<S, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    E: Errors<S::Error> + Errors<ResBody::Error>,
    ResBody: Body,
{
    type Response = Response<ResponseBody<ResBody, E>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(cx);
        if let Poll::Ready(Err(_)) = &ready {
            self.engine.observer.not_ready();
        }
        ready
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let mut tracker = self.begin(&mut parts);
        let head_only = parts.method == Method::HEAD;
        let request = Request::from_parts(parts, body);
        let inner = run(&mut tracker, || self.inner.call(request));
        ResponseFuture {
            inner: Some(inner),
            tracker,
            head_only,
            errors: PhantomData,
        }
    }
}

/// Runs code of the inner service with its exchange current; a panic leaves the tracker marked as running.
fn run<T>(tracker: &mut Option<Tracker>, code: impl FnOnce() -> T) -> T {
    let Some(tracker) = tracker else {
        return code();
    };
    let _entered = tracker.enter(tracker.enter_mode());
    tracker.running = true;
    let value = code();
    tracker.running = false;
    value
}

// === impl ResponseFuture ===

impl<F, E, ResBody, Error> Future for ResponseFuture<F, E>
where
    F: Future<Output = Result<Response<ResBody>, Error>>,
    E: Errors<Error>,
    ResBody: Body,
{
    type Output = Result<Response<ResponseBody<ResBody, E>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Pending;
        };
        let response = match ready!(run(this.tracker, || inner.poll(cx))) {
            Ok(response) => response,
            Err(error) => {
                if let Some(mut tracker) = this.tracker.take() {
                    tracker.error(E::look(&error));
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
        let body = ResponseBody {
            inner: Some(inner),
            tracker,
            errors: PhantomData,
        };
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}

impl<F: fmt::Debug, E> fmt::Debug for ResponseFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// === impl ResponseBody ===

impl<B: fmt::Debug, E> fmt::Debug for ResponseBody<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<B: Body, E: Errors<B::Error>> Body for ResponseBody<B, E> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(run(this.tracker, || inner.as_mut().poll_frame(cx)));
        if let Some(tracker) = this.tracker {
            let outcome = match &frame {
                None => Some(Outcome::Completed),
                Some(Err(error)) => {
                    tracker.error(E::look(error));
                    Some(Outcome::BodyError)
                }
                Some(Ok(frame)) => tracker.frame(frame, inner.is_end_stream()),
            };
            if let Some(outcome) = outcome {
                tracker.end(outcome);
                *this.tracker = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), B::size_hint)
    }
}

// === impl Tracker ===

impl Tracker {
    /// Makes the exchange the current one, unless nobody watches it.
    fn enter(&self, mode: EnterMode) -> Option<impl Drop + use<>> {
        (!self.excluded).then(|| self.exchange.enter(mode))
    }

    #[cfg(feature = "sentry")]
    const fn enter_mode(&self) -> EnterMode {
        if self.active.overlaps(LayerKinds::SENTRY) {
            EnterMode::RunWithHub
        } else {
            EnterMode::Run
        }
    }

    #[cfg(not(feature = "sentry"))]
    const fn enter_mode(&self) -> EnterMode {
        EnterMode::Run
    }

    /// Notes the head; gives the tracker back where a body is still to come.
    fn respond<B: Body>(
        mut self,
        response: &mut response::Parts,
        body: &B,
        head_only: bool,
    ) -> Option<Self> {
        self.head = Some((response.status, self.exchange.started().elapsed()));
        if !self.excluded {
            let observer = &self.engine.observer;
            observer.head(self.active, &self.exchange, response);
        }
        // hyper takes no body for these and drops it unpolled; 101 hands the connection over.
        let no_body = head_only
            || response.status.is_informational()
            || matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let (is_grpc, length) = announced(&response.headers);
        self.ends_in_trailers = is_grpc;
        if self.ends_in_trailers {
            if let Some(call) = &mut self.grpc {
                call.code = grpc::Code::read(&response.headers);
            }
        } else {
            // Whatever the request was called, this is an answer of plain HTTP.
            self.grpc = None;
        }
        let hint = body.size_hint().exact();
        self.declared = length.or(hint);
        if no_body || body.is_end_stream() || (self.declared == Some(0) && !self.ends_in_trailers) {
            self.declared = None;
            self.end(Outcome::Completed);
            return None;
        }
        self.streamed = hint.is_none();
        Some(self)
    }

    /// The outcome, where this frame is the last that a server asks for.
    fn frame<D: bytes::Buf>(&mut self, frame: &Frame<D>, at_end: bool) -> Option<Outcome> {
        if let Some(trailers) = frame.trailers_ref() {
            if let Some(call) = &mut self.grpc {
                call.code = call.code.or_else(|| grpc::Code::read(trailers));
            }
            return Some(Outcome::Completed);
        }
        let length = frame.data_ref().map_or(0, bytes::Buf::remaining);
        self.bytes = self.bytes.saturating_add(length as u64);
        // hyper stops polling once the declared length is reached.
        let sent_all = self.declared.is_some_and(|declared| self.bytes >= declared);
        ((at_end || sent_all) && !self.ends_in_trailers).then_some(Outcome::Completed)
    }

    fn error(&self, error: Option<&dyn Any>) {
        if let Some(error) = error.filter(|_| !self.excluded) {
            let observer = &self.engine.observer;
            observer.error(self.active, &self.exchange, error);
        }
    }

    /// How a gRPC call went; where nobody said, by the way it ended.
    fn grpc_status(&self, outcome: Outcome, total: Duration) -> Option<grpc::Status> {
        let call = self.grpc?;
        let unsaid = match outcome {
            Outcome::Aborted | Outcome::Cancelled if call.is_late(total) => {
                grpc::Code::DEADLINE_EXCEEDED
            }
            Outcome::Aborted | Outcome::Cancelled => grpc::Code::CANCELLED,
            _ => grpc::Code::UNKNOWN,
        };
        // Who sends a message has the method, whatever it will say in the end.
        let answered = call.code.or((self.bytes > 0).then_some(grpc::Code::OK));
        Some(grpc::Status {
            code: call.code.unwrap_or(unsaid),
            method: grpc::known(self.exchange.path(), answered),
        })
    }

    /// Whether nothing that its facts could say would make it a failure; seen without them, and without a clock.
    fn surely_went_well(&self, outcome: Outcome) -> bool {
        let no_fault = matches!(
            outcome,
            Outcome::Completed | Outcome::Aborted | Outcome::Cancelled
        );
        let answered_well = self.head.is_none_or(|(status, _)| status.as_u16() < 500);
        no_fault && answered_well && self.grpc.is_none()
    }

    fn end(&mut self, outcome: Outcome) {
        self.end_at(Instant::now, outcome);
    }

    fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: Outcome) {
        self.ended = true;
        let observer = &self.engine.observer;
        if self.excluded && self.surely_went_well(outcome) {
            return observer.passed_by(self.active, None);
        }
        let total = now().duration_since(self.exchange.started());
        let head = self.head.map_or(total, |(_, head)| head);
        let overrides = self.exchange.overrides();
        let grpc = self.grpc_status(outcome, total);
        let facts = Facts {
            outcome,
            status: self.head.map(|(status, _)| status),
            head,
            total,
            bytes: self.bytes,
            streamed: self.streamed,
            length_mismatch: outcome == Outcome::Completed
                && self.declared.is_some_and(|declared| declared != self.bytes),
            // A gRPC method says more than the wildcard it was routed by; where nothing was answered, the client's word that
            // it is gRPC is no reason to take a request from its route.
            endpoint: match &grpc {
                Some(grpc) if grpc.method.is_some() || self.ends_in_trailers => {
                    grpc.method.clone().map(Endpoint::Method)
                }
                _ => overrides.endpoint,
            },
            bands: overrides.bands.unwrap_or_default(),
            judged: if overrides.judge_at_end { total } else { head },
            grpc,
            evidence: overrides.evidence,
            handler: overrides.handler,
            #[cfg(feature = "sentry")]
            reports: overrides.reports,
        };
        if self.excluded {
            observer.passed_by(self.active, Some((&self.exchange, &facts)));
        } else {
            observer.end(self.active, &self.exchange, &facts);
        }
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let outcome = if self.running {
            Outcome::Panicked
        } else if self.head.is_some() {
            Outcome::Aborted
        } else {
            Outcome::Cancelled
        };
        self.end_at(late_now, outcome);
    }
}

/// Whether a body is to be gRPC, and how long. One walk past the few headers of an answer is cheaper than to look
/// for two by their hashes.
fn announced(headers: &HeaderMap) -> (bool, Option<u64>) {
    let (mut kind, mut length) = (None, None);
    for (name, value) in headers {
        match *name {
            header::CONTENT_TYPE => kind = kind.or(Some(value)),
            header::CONTENT_LENGTH => length = length.or(Some(value)),
            _ => {}
        }
    }
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    (kind.is_some_and(grpc::is_content_type), length)
}

/// The time, also where the thread is ending: tokio's clock, while it can be paused, panics there.
fn late_now() -> Instant {
    match Handle::try_current() {
        #[expect(
            clippy::disallowed_types,
            reason = "no test pauses a clock that is gone"
        )]
        Err(error) if error.is_thread_local_destroyed() => std::time::Instant::now().into(),
        _ => Instant::now(),
    }
}

#[cfg(test)]
mod tests;
