//! Leaves a mark on the exchange of each request that reaches a service.

use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use crate::facts::{marks::Mark, shared::Shared};

/// A service that layers further out know by a mark on the exchange of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Marked<S> {
    inner: S,
    mark: Mark,
}

// === impl Marked ===

impl<S> Marked<S> {
    pub(crate) const fn new(inner: S, mark: Mark) -> Self {
        Self { inner, mark }
    }
}

impl<S, B> Service<Request<B>> for Marked<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        Shared::mark(request.extensions(), self.mark);
        self.inner.call(request)
    }
}

#[cfg(feature = "tonic")]
impl<S: tonic::server::NamedService> tonic::server::NamedService for Marked<S> {
    const NAME: &str = S::NAME;
}
