//! Tells why a fleet gave no answer.

use std::{error::Error, fmt};

use super::link_error::{LinkError, LinkErrorKind};
use crate::config::ConfigError;

/// Why there are no numbers of a fleet. No error shows the address of Redis or a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetError {
    /// Redis could not be reached, or gave no answer in time.
    Unreachable(String),
    /// Redis answered with an error: it starts, its memory is full, it is a replica, the password is wrong.
    Refused(String),
    /// The window is 0 or longer than 24 hours.
    Window(ConfigError),
}

// === impl FleetError ===

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "Redis cannot be reached: {reason}"),
            Self::Refused(reason) => write!(f, "Redis refused: {reason}"),
            Self::Window(error) => error.fmt(f),
        }
    }
}

impl Error for FleetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(_) | Self::Refused(_) => None,
            Self::Window(error) => Some(error),
        }
    }
}

impl From<LinkError> for FleetError {
    fn from(error: LinkError) -> Self {
        match error.kind() {
            LinkErrorKind::Unreachable | LinkErrorKind::TimedOut => {
                Self::Unreachable(error.to_string())
            }
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<ConfigError> for FleetError {
    fn from(error: ConfigError) -> Self {
        Self::Window(error)
    }
}
