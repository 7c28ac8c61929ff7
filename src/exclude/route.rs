//! Excludes what reaches a route, wherever the route is mounted.

use tower_layer::Layer;

use super::ExcludeLayer;
use crate::{facts::marks::Mark, marked::Marked};

/// Excludes the requests that reach a route. [`ExcludeLayer::route`] makes it.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_vitals::exclude::ExcludeLayer;
///
/// let ping = get(|| async { "pong" }).layer(ExcludeLayer::route());
/// let app: Router = Router::new().route("/ping", ping);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ExcludeRouteLayer;

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
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked::new(inner, Mark::Unobserved)
    }
}
