//! Follows an exchange to the head of its response.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::ResponseBody,
    errors::{Errors, Unexamined},
    head::MethodKind,
    panics,
    slot::Slot,
};

pin_project! {
    /// The future of a response that a layer follows.
    pub struct ResponseFuture<F, E = Unexamined> {
        // `None` while it is being dropped, and after a panic.
        #[pin]
        inner: Option<F>,
        slot: Slot,
        method: MethodKind,
        errors: PhantomData<fn() -> E>,
    }

    impl<F, E> PinnedDrop for ResponseFuture<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The handler's destructors run in its exchange, and before the exchange ends.
            let _entered = this.slot.enter_drop();
            this.inner.set(None);
        }
    }
}

// === impl ResponseFuture ===

impl<F, E> ResponseFuture<F, E> {
    /// Calls the service in the exchange.
    // A call passes the place of a value that it moves. Inlined, the request would be copied.
    #[inline(never)]
    pub(super) fn of_call<S, B>(
        service: &mut S,
        request: Request<B>,
        mut slot: Slot,
        method: MethodKind,
    ) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        if slot.catches() {
            return Self {
                inner: panics::run_and_catch(&mut slot, || service.call(request)),
                slot,
                method,
                errors: PhantomData,
            };
        }
        let inner = {
            let _entered = slot.enter();
            service.call(request)
        };
        slot.leave();
        Self {
            inner: Some(inner),
            slot,
            method,
            errors: PhantomData,
        }
    }
}

impl<F, E, ResBody, Error> Future for ResponseFuture<F, E>
where
    F: Future<Output = Result<Response<ResBody>, Error>>,
    E: Errors<Error>,
    ResBody: Body<Data: 'static>,
{
    type Output = Result<Response<ResponseBody<ResBody, E>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.inner.is_none() {
            // `call` panicked.
            return panics::answer(this.slot, *this.method);
        }
        if let Some(tracker) = this.slot.tracker() {
            tracker.first_poll();
        }
        let polled = if this.slot.catches() {
            let poll = || poll_to_the_end(this.inner.as_mut(), cx);
            let Some(polled) = panics::run_and_catch(this.slot, poll) else {
                // What is left of the handler ends before its exchange does.
                let _ = panics::run_and_catch(this.slot, || this.inner.set(None));
                return panics::answer(this.slot, *this.method);
            };
            polled
        } else {
            let polled = {
                let _entered = this.slot.enter();
                poll_to_the_end(this.inner.as_mut(), cx)
            };
            this.slot.leave();
            polled
        };
        let response = match ready!(polled) {
            Ok(response) => response,
            Err(error) => {
                if let Some(mut tracker) = this.slot.take() {
                    tracker.fail(E::look(&error));
                }
                return Poll::Ready(Err(error));
            }
        };
        if let Some(slot) = this.slot.pass_head(&response, *this.method) {
            return Poll::Ready(Ok(response.map(|body| ResponseBody::new(body, slot))));
        }
        let (mut parts, inner) = response.into_parts();
        this.slot.head(&mut parts, &inner, *this.method);
        let slot = mem::replace(this.slot, Slot::Empty);
        let body = ResponseBody::new(inner, slot);
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

/// Polls the service. What is left of it behind its answer ends in the exchange, too: the handler behind a timeout.
#[inline(always)]
fn poll_to_the_end<F: Future>(
    mut inner: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let polled = match inner.as_mut().as_pin_mut() {
        Some(inner) => inner.poll(cx),
        None => Poll::Pending,
    };
    if polled.is_ready() {
        inner.set(None);
    }
    polled
}
