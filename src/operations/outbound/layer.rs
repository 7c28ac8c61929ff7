//! Measures the calls of another service through a client that is a Tower service.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderName, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{super::judged, Outbound, answer::Head, body::OutboundBody, call::Call, outbound};
use crate::{
    config::{self, ConfigError},
    facts::{exchange::Exchange, grpc, work::CallOutcome},
    metrics::Metrics,
    request_id,
};

/// A client-side layer that measures the calls of one other service.
///
/// It wraps each client that is a Tower service of `http::Request`: hyper-util's, a channel of tonic, and with feature `reqwest`
/// also a `reqwest::Client`. It puts the request id and the trace of the
/// [current exchange](crate::exchange::Exchange::current) on each call, as
/// [`ForwardRequestIdLayer`](crate::request_id::ForwardRequestIdLayer) does, which is not needed beside it.
///
/// ```
/// use tower_layer::Layer;
/// use tower_vitals::operations::OutboundLayer;
///
/// # let client = ();
/// let client = OutboundLayer::new("groq").layer(client);
/// ```
///
/// # What it counts
///
/// Each call counts once in `external_calls_total{service,outcome}`, and its time in `external_call_duration_seconds{service}`.
/// Around a retry it counts the whole, inside of it each attempt. The first of these that applies is the outcome:
///
/// | outcome | |
/// | --- | --- |
/// | `timeout` | HTTP 408 or 504, gRPC `DEADLINE_EXCEEDED`, or an error that is a timeout by its type, or by that of a cause |
/// | `error` | HTTP 500 to 599 or 429; gRPC `UNKNOWN`, `RESOURCE_EXHAUSTED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` or `DATA_LOSS`, or no status; any other error; a panic |
/// | `cancelled` | the call was dropped before its answer, or while somebody waited for more of its body; gRPC `CANCELLED` |
/// | `success` | the service answered: also with another 4xx, which says that the caller was wrong |
///
/// Its time ends with the head of the answer, as all times of this crate do. How fast the caller reads the body, and when it
/// gives the body up, is not the other service's doing. A body that fails later makes the call a failure, whose time ends there.
/// The body is followed to its end, and the status of a gRPC call is read from its trailers. A body that is dropped before its
/// end is a success, unless somebody waited for more of it. The answer of a gRPC call that is dropped before its trailers is
/// cancelled. Of gRPC-Web only the head is read, and `reqwest` gives no way to follow the body of its response.
///
/// The errors of `std::io` and Tokio are known, and with their features those of `hyper-util`'s client, of `reqwest` and of a
/// channel of `tonic`; alone or in a box. The error of another client, in its own type without a box, is an `error`: `map_err`
/// into a `Box<dyn Error + Send + Sync>` inside of this layer lets its causes be asked.
///
/// If the client is not [ready](Service::poll_ready), there is no call, and nothing is counted.
///
/// # What the request shows
///
/// A call that failed or timed out, or a client that was not ready, is noted on the request for which it was made, until a later
/// call of the same service succeeds. If the server then fails to answer the request, with a status that says no more than that
/// (500, 503, gRPC `UNKNOWN` or `INTERNAL`) or with an `Err`, and neither the handler nor the type of the error gives a
/// [category](crate::category), it is `external_service`, or `timeout` if the call timed out. A request of one of these
/// two categories names the service that failed last: as `external_service` in its log event, and as a tag of its Sentry event.
#[derive(Clone, Debug)]
pub struct OutboundLayer {
    outbound: Outbound,
    header: HeaderName,
}

/// The client that [`OutboundLayer`] makes.
#[derive(Clone, Debug)]
pub struct OutboundService<S> {
    inner: S,
    outbound: Outbound,
    header: HeaderName,
}

pin_project! {
    /// The call of an [`OutboundService`].
    #[derive(Debug)]
    pub struct OutboundFuture<F> {
        // Dropped before the call, which ends with it.
        #[pin]
        inner: F,
        // `None` when the answer is there.
        call: Option<Call>,
        is_grpc: bool,
    }
}

// === impl OutboundLayer ===

impl OutboundLayer {
    /// A layer for calls of the service `service`, which becomes a label.
    #[must_use]
    pub const fn new(service: &'static str) -> Self {
        Self {
            outbound: outbound(service),
            header: request_id::DEFAULT_HEADER,
        }
    }

    /// The header that carries the request id. Defaults to `x-request-id`.
    ///
    /// # Errors
    ///
    /// If `name` is not a header name, or is one that HTTP itself needs.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.header = config::header_name("outbound.header", name)?;
        Ok(self)
    }

    /// Above this a call is slow. Defaults to 1 s.
    #[must_use]
    pub fn threshold(mut self, threshold: Duration) -> Self {
        self.outbound = self.outbound.threshold(threshold);
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.outbound = self.outbound.metrics(metrics);
        self
    }
}

impl<S> Layer<S> for OutboundLayer {
    type Service = OutboundService<S>;

    fn layer(&self, inner: S) -> OutboundService<S> {
        OutboundService {
            inner,
            outbound: self.outbound.clone(),
            header: self.header.clone(),
        }
    }
}

// === impl OutboundService ===

impl<S> OutboundService<S> {
    /// Asks whether the client is ready. A failure is told to the current request.
    pub(super) fn ready<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<R>,
    {
        let ready = self.inner.poll_ready(cx);
        if let Poll::Ready(Err(_)) = &ready
            && let Some(exchange) = Exchange::current()
        {
            exchange.note_call(self.outbound.service(), CallOutcome::Error);
        }
        ready
    }

    /// Calls the client, with what the request carries onward.
    pub(super) fn begin<R>(
        &mut self,
        mut request: R,
        headers: impl FnOnce(&mut R) -> &mut http::HeaderMap,
    ) -> (S::Future, Call)
    where
        S: Service<R>,
    {
        request_id::put(headers(&mut request), &self.header);
        let mut call = self.outbound.begin();
        let future = call.run(|| self.inner.call(request));
        (future, call)
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for OutboundService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: 'static>,
    ResBody: Body<Error: 'static>,
{
    type Response = Response<OutboundBody<ResBody>>;
    type Error = S::Error;
    type Future = OutboundFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let is_grpc = grpc::Call::of(request.headers()).is_some();
        let (inner, call) = self.begin(request, Request::headers_mut);
        OutboundFuture {
            inner,
            call: Some(call),
            is_grpc,
        }
    }
}

// === impl OutboundFuture ===

impl<F, B, E> Future for OutboundFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Error: 'static>,
    E: 'static,
{
    type Output = Result<Response<OutboundBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.call {
            Some(call) => call.run(|| this.inner.poll(cx)),
            None => this.inner.poll(cx),
        };
        let result = ready!(polled);
        let call = this.call.take();
        Poll::Ready(match result {
            Ok(response) => Ok(follow(response, call, *this.is_grpc)),
            Err(error) => {
                if let Some(mut call) = call {
                    call.end(judged::of_error(&error));
                }
                Err(error)
            }
        })
    }
}

/// Ends the call if the head tells how it ended, else follows the body.
fn follow<B: Body>(
    response: Response<B>,
    call: Option<Call>,
    is_grpc: bool,
) -> Response<OutboundBody<B>> {
    let head = Head::of(is_grpc, response.status(), response.headers());
    let has_body = !response.body().is_end_stream();
    let followed = call.and_then(|mut call| match head {
        Head::Ended(outcome) => {
            call.end(outcome);
            None
        }
        Head::Open if !has_body => {
            // The status that must come cannot come.
            call.end(CallOutcome::Error);
            None
        }
        Head::Works if !has_body => {
            call.end(CallOutcome::Success);
            None
        }
        Head::Works | Head::Open => {
            call.answered(head == Head::Open);
            Some(call)
        }
    });
    response.map(|body| OutboundBody::new(body, followed))
}
