//! Stands in for axum without feature `axum`: no route and no failure is known.

use std::{error::Error, net::SocketAddr};

use http::{Extensions, uri::PathAndQuery};

use super::category::ErrorCategory;

/// There is none. Any type with a text stands in.
pub(crate) type MatchedPath = String;

pub(crate) const fn matched(_: &Extensions) -> Option<&MatchedPath> {
    None
}

pub(crate) const fn original_target(_: &Extensions) -> Option<Option<PathAndQuery>> {
    None
}

pub(crate) const fn peer(_: &Extensions) -> Option<SocketAddr> {
    None
}

pub(crate) const fn failure(
    _: &Extensions,
) -> Option<(&(dyn Error + 'static), Option<ErrorCategory>)> {
    None
}
