//! Measures the calls of another service through a client of reqwest.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{super::judged, answer::Head, call::Call, layer::OutboundService};
use crate::facts::work::CallOutcome;

pin_project! {
    /// The call of an [`OutboundService`](super::OutboundService) around a client of reqwest. It ends with the head of the answer.
    #[derive(Debug)]
    pub struct ReqwestFuture<F> {
        // Dropped before the call, which ends with it.
        #[pin]
        inner: F,
        // `None` when the answer is there.
        call: Option<Call>,
    }
}

// === impl OutboundService ===

#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "reqwest")))]
impl<S> Service<reqwest::Request> for OutboundService<S>
where
    S: Service<reqwest::Request, Response = reqwest::Response, Error: 'static>,
{
    type Response = reqwest::Response;
    type Error = S::Error;
    type Future = ReqwestFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready(cx)
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        let (inner, call) = self.begin(request, reqwest::Request::headers_mut);
        ReqwestFuture {
            inner,
            call: Some(call),
        }
    }
}

// === impl ReqwestFuture ===

impl<F, E> Future for ReqwestFuture<F>
where
    F: Future<Output = Result<reqwest::Response, E>>,
    E: 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = match this.call {
            Some(call) => call.run(|| this.inner.poll(cx)),
            None => this.inner.poll(cx),
        };
        let result = ready!(polled);
        if let Some(mut call) = this.call.take() {
            call.end(match &result {
                Ok(response) => match Head::of(false, response.status(), response.headers()) {
                    Head::Ended(outcome) => outcome,
                    Head::Works | Head::Open => CallOutcome::Success,
                },
                Err(error) => judged::of_error(error),
            });
        }
        Poll::Ready(result)
    }
}
