//! Reads what axum puts into the extensions of requests and responses.
//!
//! Every request comes here, so the short functions are inlined.

use std::{error::Error, net::SocketAddr};

use axum::extract::{ConnectInfo, OriginalUri};
use http::{Extensions, uri::PathAndQuery};

use super::{category::ErrorCategory, cause::Cause};

pub(crate) use axum::extract::MatchedPath;

/// The template of the matched route, if the layer is inside the router.
#[inline(always)]
pub(crate) fn matched(request: &Extensions) -> Option<&MatchedPath> {
    request.get()
}

/// The target of the request before a router took a prefix from it.
#[inline(always)]
pub(crate) fn original_target(request: &Extensions) -> Option<Option<PathAndQuery>> {
    let OriginalUri(uri) = request.get()?;
    Some(uri.path_and_query().cloned())
}

/// The other end of the socket, if the server says it.
pub(crate) fn peer(request: &Extensions) -> Option<SocketAddr> {
    let ConnectInfo(peer) = request.get()?;
    Some(*peer)
}

/// The error and the category that a [`Failure`](super::failure::Failure) put into its response.
pub(crate) fn failure(
    response: &Extensions,
) -> Option<(&(dyn Error + 'static), Option<ErrorCategory>)> {
    let Cause { error, category } = response.get()?;
    Some((&**error, *category))
}
