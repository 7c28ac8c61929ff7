//! Names the endpoint of a request by its route, never by its path.

use std::sync::Arc;

use http::Extensions;

/// The route that a request matched.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// axum's template, held by reference count.
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    /// A gRPC method that the server is known to have.
    Method(Arc<str>),
    /// HandlerContext by the service itself.
    Named(&'static str),
}

/// The name of what no route matched, as it stands in metrics, log and Sentry.
pub(crate) const UNMATCHED: &str = "unmatched";

// === impl Endpoint ===

impl Endpoint {
    /// As metrics, log and Sentry name it.
    pub(crate) fn name(endpoint: Option<&Self>) -> &str {
        endpoint.map_or(UNMATCHED, Self::as_str)
    }

    /// What the router says, where it stands further out than the layer that asks.
    #[cfg(feature = "axum")]
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().cloned().map(Self::Matched)
    }

    #[cfg(not(feature = "axum"))]
    pub(crate) const fn of(_: &Extensions) -> Option<Self> {
        None
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
            Self::Method(path) => path,
            Self::Named(name) => name,
        }
    }
}
