//! Leads excluded requests around a layer of another crate.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use http_body_util::Either;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Exclusion, Patterns, Rules};
use crate::facts::exchange::received;

/// Wraps a layer of another crate, so that excluded requests do not pass through it.
///
/// Only the wrapped service is made ready. What its readiness holds, such as the permit of a concurrency limit, is released
/// before an excluded request runs. That request runs on a new clone of the bare service, which is then made ready. Two
/// ready services that need the same permit would wait for each other for ever.
///
/// ```
/// use tower::limit::ConcurrencyLimitLayer;
/// use tower_vitals::exclude::{ExcludeLayer, Patterns};
///
/// let limit = ConcurrencyLimitLayer::new(64);
/// let layer = ExcludeLayer::new(limit, Patterns::new(["/livez"])?);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// The inner service must be `Clone`, and the layer must keep its error type and request body.
#[derive(Clone, Debug)]
pub struct ExcludeLayer<L> {
    layer: L,
    exclusion: Arc<Exclusion>,
}

/// The service that [`ExcludeLayer`] makes. `W` is the wrapped service, `S` the bare one.
#[derive(Clone, Debug)]
pub struct Exclude<W, S> {
    wrapped: W,
    bare: S,
    exclusion: Arc<Exclusion>,
}

pin_project! {
    /// The future of a response of the wrapped or of the bare service.
    #[derive(Debug)]
    pub struct ExcludeFuture<W, S, F, R> {
        #[pin]
        state: State<W, S, F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<W, S, F, R> {
        Wrapped { #[pin] future: W },
        // The bare service is not ready yet.
        Waiting { bare: Option<(S, R)> },
        Bare { #[pin] future: F },
    }
}

// === impl ExcludeLayer ===

impl<L> ExcludeLayer<L> {
    /// Leads requests on `patterns` around `layer`.
    #[must_use]
    pub fn new(layer: L, patterns: Patterns) -> Self {
        Self {
            layer,
            exclusion: Arc::new(Exclusion {
                patterns,
                rules: Rules::default(),
            }),
        }
    }

    /// Leads the requests that one of these rules matches around the layer, too. Defaults to none.
    #[must_use]
    pub fn exclude_rules(mut self, rules: Rules) -> Self {
        Arc::make_mut(&mut self.exclusion).rules = rules;
        self
    }
}

impl<L, S> Layer<S> for ExcludeLayer<L>
where
    L: Layer<S>,
    S: Clone,
{
    type Service = Exclude<L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Exclude {
            wrapped: self.layer.layer(inner.clone()),
            bare: inner,
            exclusion: Arc::clone(&self.exclusion),
        }
    }
}

// === impl Exclude ===

impl<W, S, ReqBody, WrappedBody, BareBody> Service<Request<ReqBody>> for Exclude<W, S>
where
    W: Service<Request<ReqBody>, Response = Response<WrappedBody>> + Clone,
    S: Service<Request<ReqBody>, Response = Response<BareBody>, Error = W::Error> + Clone,
    WrappedBody: Body,
    BareBody: Body<Data = WrappedBody::Data>,
{
    type Response = Response<Either<WrappedBody, BareBody>>;
    type Error = W::Error;
    type Future = ExcludeFuture<W::Future, S, S::Future, Request<ReqBody>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), W::Error>> {
        self.wrapped.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let target = received(request.uri(), request.extensions());
        let excluded = target.is_some_and(|target| {
            let (method, headers) = (request.method(), request.headers());
            self.exclusion.matches(target.path(), method, headers)
        });
        if !excluded {
            let future = self.wrapped.call(request);
            let state = State::Wrapped { future };
            return ExcludeFuture { state };
        }
        // The clone holds no permit. The ready service is dropped here and releases its own.
        let fresh = self.wrapped.clone();
        drop(mem::replace(&mut self.wrapped, fresh));
        let bare = Some((self.bare.clone(), request));
        let state = State::Waiting { bare };
        ExcludeFuture { state }
    }
}

// === impl ExcludeFuture ===

impl<W, S, ReqBody, WrappedBody, BareBody, E> Future
    for ExcludeFuture<W, S, S::Future, Request<ReqBody>>
where
    W: Future<Output = Result<Response<WrappedBody>, E>>,
    S: Service<Request<ReqBody>, Response = Response<BareBody>, Error = E>,
{
    type Output = Result<Response<Either<WrappedBody, BareBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProjection::Wrapped { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(Either::Left)));
                }
                StateProjection::Bare { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(Either::Right)));
                }
                StateProjection::Waiting { bare } => {
                    if let Some((service, _)) = bare {
                        ready!(service.poll_ready(cx))?;
                    }
                    // `None` only if it is polled again after its service failed to become ready.
                    let Some((mut service, request)) = bare.take() else {
                        return Poll::Pending;
                    };
                    service.call(request)
                }
            };
            state.set(State::Bare { future });
        }
    }
}
