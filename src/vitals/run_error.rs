//! Tells what failed: the server, or the admin port beside it.

use std::{error::Error, fmt, io};

/// The error of [`Vitals::run`](super::Vitals::run). `E` is the server's own error.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The server failed. It prints as its own error does.
    Server(E),
    /// The [admin port](super::VitalsBuilder::admin_addr) cannot be served, and the server has not begun. The error names the address.
    Admin(io::Error),
}

// === impl RunError ===

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Admin(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for RunError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Server(error) => error.source(),
            Self::Admin(error) => error.source(),
        }
    }
}

/// For functions that return `io::Result`, as axum's server does.
impl From<RunError<Self>> for io::Error {
    fn from(error: RunError<Self>) -> Self {
        match error {
            RunError::Server(error) | RunError::Admin(error) => error,
        }
    }
}
