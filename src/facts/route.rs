//! Names the endpoint of a request by its route, never by its path.

use std::sync::Arc;

use http::Extensions;

use super::{interned::interned, router};

/// The value of the label for a request that no route matched.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The route that a request matched.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// The template of axum's route.
    Matched(&'static str),
    /// The same, of a route among too many.
    OneOfMany(Arc<str>),
    /// A gRPC method that the server is known to have.
    Method(Arc<str>),
    /// A name that the service gave itself.
    Named(&'static str),
}

// === impl Endpoint ===

impl Endpoint {
    /// The name in metrics, log and Sentry.
    pub(crate) fn name(endpoint: Option<&Self>) -> &str {
        endpoint.map_or(UNMATCHED, Self::as_str)
    }

    /// The matched route, if the layer is inside the router.
    #[inline(always)]
    pub(crate) fn of(request: &Extensions) -> Option<Self> {
        let template = router::matched(request)?;
        Some(match interned(template) {
            Some(kept) => Self::Matched(kept),
            None => Self::OneOfMany(template.into()),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Matched(name) | Self::Named(name) => name,
            Self::OneOfMany(path) | Self::Method(path) => path,
        }
    }
}
