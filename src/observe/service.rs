//! Wraps a service so that each of its exchanges is followed.

use std::{
    fmt,
    marker::PhantomData,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Engine, EngineHandle,
    body::ResponseBody,
    engine::Claim,
    errors::{Errors, Unexamined},
    future::ResponseFuture,
    head::MethodKind,
    opening::Opening,
    passing::PassingTracker,
    request_body,
    slot::Slot,
    tracker::Tracker,
};
use crate::facts::{marks::Mark, shared::Shared};

/// The service that each layer makes: the inner service, with each exchange followed to its true end.
///
/// `E` is [`Examined`](super::Examined) if errors are examined, else [`Unexamined`].
pub struct Observed<S, E = Unexamined> {
    inner: S,
    engine: EngineHandle,
    /// What the engine is and needs, which never changes.
    claim: Claim,
    errors: PhantomData<fn() -> E>,
}

// === impl Observed ===

impl<S, E> Observed<S, E> {
    pub(crate) fn new(inner: S, engine: EngineHandle) -> Self {
        let claim = engine.claim();
        Self {
            inner,
            engine,
            claim,
            errors: PhantomData,
        }
    }
}

impl<S, E> Observed<S, E> {
    /// Calls the inner service with a request that is excluded. Its parts stay where they are.
    #[inline]
    fn pass<B>(&mut self, opening: Opening, mut request: Request<B>) -> ResponseFuture<S::Future, E>
    where
        S: Service<Request<B>>,
    {
        let method = MethodKind::of(request.method());
        let kinds = self.claim.kinds;
        let passing = PassingTracker::open(&self.engine, kinds, opening, &mut request);
        let slot = Slot::passing(&self.engine, kinds, passing, request.version());
        ResponseFuture::of_call(&mut self.inner, request, slot, method)
    }
}

impl<S: Clone, E> Clone for Observed<S, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            engine: self.engine.clone(),
            claim: self.claim,
            errors: PhantomData,
        }
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

impl<S, E, ReqBody, ResBody> Service<Request<ReqBody>> for Observed<S, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    E: Errors<S::Error> + Errors<ResBody::Error>,
    ReqBody: 'static,
    ResBody: Body<Data: 'static>,
{
    type Response = Response<ResponseBody<ResBody, E>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(cx);
        if let Poll::Ready(Err(_)) = &ready {
            let Engine {
                metrics, observer, ..
            } = &*self.engine;
            observer.not_ready(metrics.as_ref());
        }
        ready
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let opening = match Opening::of(&self.engine, &request) {
            Some(opening)
                if opening.excluded
                    && PassingTracker::is_enough(&self.engine, request.headers()) =>
            {
                return self.pass(opening, request);
            }
            opening => opening,
        };
        let method = MethodKind::of(request.method());
        let mut slot = Tracker::begin(&self.engine, self.claim, opening, &mut request);
        match &mut slot {
            Slot::Observed(tracker) if !tracker.excluded => {
                tracker.has_whole_request =
                    request_body::follow(request.body_mut(), &tracker.exchange);
                tracker.note_span();
                tracker.open_span();
            }
            Slot::Observed(_) | Slot::Passing(_) => {}
            // Outer layers are active. Where they stand, the body can have a type that they could not follow.
            Slot::Empty => {
                let exchange = Shared::observed(request.extensions());
                let exchange =
                    exchange.filter(|exchange| !exchange.marks().has(Mark::BodyFollowed));
                if let Some(exchange) = exchange.cloned() {
                    request_body::follow(request.body_mut(), &exchange);
                }
            }
        }
        if let Some(tracker) = slot.tracker() {
            tracker.prepare_to_catch(request.headers());
        }
        ResponseFuture::of_call(&mut self.inner, request, slot, method)
    }
}
