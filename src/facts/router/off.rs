//! Stands in for axum without feature `axum`: no route and no failure is known.

use std::error::Error;

use http::{Extensions, uri::PathAndQuery};

use super::category::ErrorCategory;

/// There is none.
#[derive(Clone, Debug)]
pub(crate) enum MatchedPath {}

impl MatchedPath {
    pub(crate) const fn as_str(&self) -> &str {
        match *self {}
    }
}

pub(crate) const fn matched(_: &Extensions) -> Option<MatchedPath> {
    None
}

pub(crate) const fn original_target(_: &Extensions) -> Option<Option<PathAndQuery>> {
    None
}

pub(crate) const fn failure(
    _: &Extensions,
) -> Option<(&(dyn Error + 'static), Option<ErrorCategory>)> {
    None
}
