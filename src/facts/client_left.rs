//! Tells whether a client left while it sent its request, sent what is no body, or was too slow for its response.

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    boxes, chain,
    known_errors::{self, is_malformed},
    marks::Mark,
};

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

/// What the error of a request's body says of its client: that it left, or that it is there and sends what is no body.
///
/// A server gives the error of its connection. A limit of length or time that a layer sets is an error of its own, and says
/// neither.
pub(crate) fn told_by<E: 'static>(error: &E) -> Option<Mark> {
    let error: &dyn Any = error;
    let error = boxes::open(error).or_else(|| known_errors::as_error(error))?;
    let mark = |cause: &(dyn Error + 'static)| match is_of_connection(cause) {
        true => Some(Mark::ClientLeft),
        false => is_malformed(cause).then_some(Mark::BodyMalformed),
    };
    // The methods of errors can be those of a layer of the application.
    let told = || chain::causes(error).find_map(mark);
    catch_unwind(AssertUnwindSafe(told)).ok().flatten()
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
    let of_hyper = error.downcast_ref::<hyper::Error>();
    of_hyper.is_some_and(|of_hyper| {
        !of_hyper.is_user() && !of_hyper.is_timeout() && !is_malformed(error)
    })
}
