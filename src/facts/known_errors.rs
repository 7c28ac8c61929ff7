//! Knows the errors of common libraries, each behind the feature of its library.

use std::{any::Any, error::Error, io, sync::Arc};

use super::{boxes, category::ErrorCategory};

type AsError = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// The error, if its type is `E`, alone or in a box or an `Arc`.
pub(super) fn concrete<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    let shared = || error.downcast_ref::<Arc<E>>().map(|error| &**error);
    let boxed = || error.downcast_ref::<Box<E>>().map(|error| &**error);
    let error = error.downcast_ref::<E>().or_else(shared).or_else(boxed);
    error.map(|error| error as _)
}

/// What PostgreSQL says of a statement that ran into `statement_timeout`.
#[cfg(feature = "sqlx")]
const STATEMENT_TIMEOUT: &str = "57014";

/// Types that are examined if they are the error type of a service or of a body.
static KNOWN: &[AsError] = &[
    concrete::<io::Error>,
    concrete::<tokio::time::error::Elapsed>,
    #[cfg(feature = "axum")]
    concrete::<axum::Error>,
    #[cfg(feature = "tonic")]
    concrete::<tonic::Status>,
    #[cfg(feature = "tonic")]
    concrete::<tonic::TimeoutExpired>,
    #[cfg(feature = "tonic")]
    concrete::<tonic::transport::Error>,
    #[cfg(feature = "sqlx")]
    concrete::<sqlx_core::Error>,
    #[cfg(feature = "redis")]
    concrete::<redis::RedisError>,
    #[cfg(feature = "reqwest")]
    concrete::<reqwest::Error>,
    concrete::<hyper::Error>,
    #[cfg(feature = "hyper-util")]
    concrete::<hyper_util::client::legacy::Error>,
    #[cfg(feature = "tower")]
    concrete::<tower::timeout::error::Elapsed>,
    #[cfg(feature = "tower")]
    concrete::<tower::load_shed::error::Overloaded>,
];

/// The error, if its type is one of the known ones.
pub(super) fn as_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    KNOWN.iter().find_map(|as_error| as_error(error))
}

/// The category of the first error of the chain that has one by its type. `by_client` says that the client sent what is no body.
pub(super) fn category(
    causes: &[&(dyn Error + 'static)],
    by_client: bool,
) -> Option<ErrorCategory> {
    let mut causes = causes.iter();
    causes.find_map(|cause| match by_client && is_malformed(*cause) {
        true => Some(ErrorCategory::Validation),
        false => judge(*cause),
    })
}

/// The category of one error of the chain by its type.
fn judge(error: &(dyn Error + 'static)) -> Option<ErrorCategory> {
    if boxes::downcast::<tokio::time::error::Elapsed>(error).is_some() {
        return Some(ErrorCategory::Timeout);
    }
    #[cfg(feature = "tonic")]
    if is_grpc_timeout(error) {
        return Some(ErrorCategory::Timeout);
    }
    #[cfg(feature = "sqlx")]
    if let Some(error) = boxes::downcast::<sqlx_core::Error>(error) {
        return Some(of_sqlx(error));
    }
    #[cfg(feature = "redis")]
    if boxes::downcast::<redis::RedisError>(error).is_some() {
        return Some(ErrorCategory::Database);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = boxes::downcast::<reqwest::Error>(error) {
        return Some(external(error.is_timeout()));
    }
    if let Some(error) = boxes::downcast::<hyper::Error>(error) {
        return Some(external(error.is_timeout()));
    }
    #[cfg(feature = "tower")]
    if boxes::downcast::<tower::timeout::error::Elapsed>(error).is_some() {
        return Some(ErrorCategory::Timeout);
    }
    #[cfg(feature = "tower")]
    if boxes::downcast::<tower::load_shed::error::Overloaded>(error).is_some() {
        return Some(ErrorCategory::RateLimit);
    }
    of_io(boxes::downcast::<io::Error>(error)?.kind())
}

/// Whether this one error of the chain is a timeout by its type, also if its category is that of its library.
pub(super) fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "sqlx")]
    if let Some(sqlx_core::Error::Database(error)) = boxes::downcast(error) {
        return error.code().as_deref() == Some(STATEMENT_TIMEOUT);
    }
    #[cfg(feature = "redis")]
    if let Some(error) = boxes::downcast::<redis::RedisError>(error) {
        return error.is_timeout();
    }
    judge(error) == Some(ErrorCategory::Timeout)
}

/// Whether this one error of the chain says that bytes which came over a connection are no body. It does not say of which connection.
pub(super) fn is_malformed(error: &(dyn Error + 'static)) -> bool {
    let of_hyper = boxes::downcast::<hyper::Error>(error);
    let source = of_hyper.and_then(|of_hyper| of_hyper.source()?.downcast_ref());
    matches!(
        source.map(io::Error::kind),
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    )
}

/// Whether the error is that of a task that panicked.
pub(super) fn is_panic(error: &(dyn Error + 'static)) -> bool {
    boxes::downcast::<tokio::task::JoinError>(error).is_some_and(tokio::task::JoinError::is_panic)
}

const fn external(timeout: bool) -> ErrorCategory {
    if timeout {
        ErrorCategory::Timeout
    } else {
        ErrorCategory::ExternalService
    }
}

/// A client of tonic makes a status `CANCELLED` of its own timeout, which stays its source.
#[cfg(feature = "tonic")]
fn is_grpc_timeout(error: &(dyn Error + 'static)) -> bool {
    boxes::downcast::<tonic::TimeoutExpired>(error).is_some()
        || boxes::downcast::<tonic::Status>(error)
            .is_some_and(|status| status.code() == tonic::Code::DeadlineExceeded)
}

#[cfg(feature = "sqlx")]
fn of_sqlx(error: &sqlx_core::Error) -> ErrorCategory {
    match error {
        sqlx_core::Error::RowNotFound => ErrorCategory::NotFound,
        sqlx_core::Error::PoolTimedOut => ErrorCategory::Timeout,
        sqlx_core::Error::Database(error) if error.is_unique_violation() => ErrorCategory::Conflict,
        _ => ErrorCategory::Database,
    }
}

/// An error of a connection concerns another service. Other errors, such as those of files, have no category.
const fn of_io(kind: io::ErrorKind) -> Option<ErrorCategory> {
    use io::ErrorKind::{
        AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset,
        HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected, TimedOut,
    };
    match kind {
        TimedOut => Some(ErrorCategory::Timeout),
        AddrNotAvailable | BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset
        | HostUnreachable | NetworkDown | NetworkUnreachable | NotConnected => {
            Some(ErrorCategory::ExternalService)
        }
        _ => None,
    }
}
