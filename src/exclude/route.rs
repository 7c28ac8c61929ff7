//! Excludes what reaches a route, wherever the route is mounted.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::ExcludeLayer;
use crate::facts::{exchange::Shared, marks::Mark};

/// Excludes the requests that reach a route. [`ExcludeLayer::route`] makes it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ExcludeRouteLayer;

/// The service that [`ExcludeRouteLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct ExcludeRoute<S>(S);

// === impl ExcludeLayer ===

impl ExcludeLayer<()> {
    /// A layer for a route that is not to be observed, whatever the path at which it is mounted.
    ///
    /// Layers of this crate further out have seen the request begin, so it stays in `started` and in its outcome. It is in no
    /// other metric, has no log event and no report, unless it panics or its service or body fails. To exclude a path from
    /// everything, give its [pattern](super::Patterns) to the layer.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use tower_vitals::exclude::ExcludeLayer;
    ///
    /// let ping = get(|| async { "pong" }).layer(ExcludeLayer::route());
    /// let app: Router = Router::new().route("/ping", ping);
    /// ```
    #[must_use]
    pub const fn route() -> ExcludeRouteLayer {
        ExcludeRouteLayer
    }
}

// === impl ExcludeRouteLayer ===

impl<S> Layer<S> for ExcludeRouteLayer {
    type Service = ExcludeRoute<S>;

    fn layer(&self, inner: S) -> ExcludeRoute<S> {
        ExcludeRoute(inner)
    }
}

// === impl ExcludeRoute ===

impl<S, B> Service<Request<B>> for ExcludeRoute<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        Shared::mark(request.extensions(), Mark::Unobserved);
        self.0.call(request)
    }
}
