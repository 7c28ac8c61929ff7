//! Tells whether a client left while it sent its request, or was too slow for its response.

use std::{
    any::Any,
    error::Error,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{boxes, chain, known_errors};

/// The error of a response's body that took its bytes from a client too slow for them.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader took too long")
    }
}

impl Error for TooSlow {}

/// Whether the error of a response's body says that the client was too slow.
pub(crate) fn is_too_slow(error: &dyn Any) -> bool {
    let error = boxes::open(error).or_else(|| known_errors::as_error(error));
    error.is_some_and(|error| {
        catch_unwind(AssertUnwindSafe(|| {
            chain::causes(error).any(|cause| cause.is::<TooSlow>())
        }))
        .unwrap_or(false)
    })
}

/// Whether the error of a request's body says that the client left.
///
/// A server gives the error of its connection. A limit of length or time that a layer sets is an error of its own, and the
/// client is still there.
pub(crate) fn is_told_by<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    let error = boxes::open(error).or_else(|| known_errors::as_error(error));
    // The methods of errors can be those of a layer of the application.
    error.is_some_and(|error| {
        catch_unwind(AssertUnwindSafe(|| {
            chain::causes(error).any(is_of_connection)
        }))
        .unwrap_or(false)
    })
}

/// Whether an error behind a response says it, where nobody follows the body of the request.
///
/// An error of a connection to another server has the same type. So it counts only where it comes out of a body of axum.
#[cfg(feature = "axum")]
pub(crate) fn is_told_by_failure(error: &(dyn Error + 'static)) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        chain::causes(error)
            .filter(|cause| cause.is::<axum::Error>())
            .filter_map(Error::source)
            .any(is_of_connection)
    }))
    .unwrap_or(false)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn is_told_by_failure(_: &(dyn Error + 'static)) -> bool {
    false
}

/// Bytes that are no body at all come from a client that is still there, and gets its answer.
fn is_of_connection(error: &(dyn Error + 'static)) -> bool {
    let Some(error) = error.downcast_ref::<hyper::Error>() else {
        return false;
    };
    let source = error.source().and_then(|source| source.downcast_ref());
    let kind = source.map(io::Error::kind);
    let malformed = matches!(
        kind,
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    );
    !error.is_user() && !error.is_timeout() && !malformed
}
