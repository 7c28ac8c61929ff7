//! Stands in for tonic's status without feature `tonic`: there is none.

use std::error::Error;

use http::Extensions;

pub(crate) const fn of(_: &Extensions) -> Option<(&(dyn Error + 'static), bool)> {
    None
}
