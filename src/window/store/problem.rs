//! Why a file of state is not read or not written.

use std::{fmt, io};

/// Why a file of state is not read or not written. It prints as the reason of a warning.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Not ours. It is never replaced.
    Foreign,
    /// Ours, but it holds something else, as if `FILE.events` is given as `FILE`. It is never replaced.
    OtherKind,
    /// The state of another service. It is never replaced.
    OtherService(String),
    /// Another process, or another stack of this one, keeps its state in it.
    Locked,
    /// Of an older or a newer version of this crate.
    OtherFormat(u16),
    /// Cut off or changed since it was written.
    Torn,
    /// More bytes than are read.
    TooLarge { limit: u64 },
    /// The file is whole, and its content cannot be understood. The text says where.
    Content(String),
    /// What could not be done with which file.
    Io(&'static str, io::Error),
    /// It did not open in time.
    Slow,
    /// A fault of this crate kept it from being opened.
    Panicked,
}

// === impl Problem ===

impl Problem {
    /// An error of the system, for a step such as "cannot write it".
    pub(super) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io(step, error)
    }

    /// Whether the file must stay as it is, for as long as the process runs.
    pub(super) fn keeps_off(&self) -> bool {
        match self {
            Self::Foreign
            | Self::OtherKind
            | Self::OtherService(_)
            | Self::Locked
            | Self::Slow
            | Self::Panicked => true,
            // A file that cannot be read now is looked at again before each write.
            Self::OtherFormat(_)
            | Self::Torn
            | Self::TooLarge { .. }
            | Self::Content(_)
            | Self::Io(..) => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a file of this crate, so it is left as it is"),
            Self::OtherKind => {
                f.write_str("a file of this crate with other content, so it is left as it is")
            }
            Self::OtherService(name) => {
                write!(f, "the state of service {name:?}, so it is left as it is")
            }
            Self::Locked => f.write_str("another process keeps its state in it"),
            Self::OtherFormat(version) => {
                write!(f, "format {version} is not known, so it will be replaced")
            }
            Self::Torn => f.write_str("torn or damaged, so it will be replaced"),
            Self::TooLarge { limit } => {
                write!(f, "more than {limit} bytes, so it will be replaced")
            }
            Self::Content(what) => write!(f, "{what}, so it will be replaced"),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Slow => f.write_str("the disk does not answer"),
            Self::Panicked => f.write_str("a panic while it was opened"),
        }
    }
}
