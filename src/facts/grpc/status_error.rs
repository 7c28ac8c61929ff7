//! Reads the `tonic::Status` that tonic puts into the extensions of a failed response.

use std::error::Error;

use http::Extensions;
use tonic::{Code, Status};

/// The status as an error, and whether its code is generic.
pub(crate) fn of(response: &Extensions) -> Option<(&(dyn Error + 'static), bool)> {
    let status = response.get::<Status>()?;
    let generic = matches!(status.code(), Code::Unknown | Code::Internal);
    Some((status, generic))
}
