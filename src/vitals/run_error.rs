//! Tells why a server does not run: it failed, or something beside it.

use std::{error::Error, fmt, io};

/// Why a server does not begin after the end of all servers.
const ENDED: &str = "the last run of this Vitals has returned: notifications, state file and fleet have \
                     ended; build another Vitals, or start servers again within one run";

/// The error of [`Vitals::run`](super::Vitals::run). `E` is the server's own error.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The server failed. It prints as its own error does.
    Server(E),
    /// The [admin port](super::VitalsBuilder::admin_addr) cannot be served, and the server has not begun. The error names the address.
    Admin(io::Error),
    /// The last [`run`](super::Vitals::run) of this stack has returned before. So nobody would be told of what this server does, and
    /// it has not begun.
    Ended,
}

// === impl RunError ===

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Admin(error) => error.fmt(f),
            Self::Ended => f.write_str(ENDED),
        }
    }
}

impl<E: Error> Error for RunError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Server(error) => error.source(),
            Self::Admin(error) => error.source(),
            Self::Ended => None,
        }
    }
}

/// For functions that return `io::Result`, as axum's server does.
impl From<RunError<Self>> for io::Error {
    fn from(error: RunError<Self>) -> Self {
        match error {
            RunError::Server(error) | RunError::Admin(error) => error,
            RunError::Ended => Self::other(ENDED),
        }
    }
}
