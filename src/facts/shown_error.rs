//! Prints one error of a chain as people read it.

use std::{error::Error, fmt};

#[cfg(feature = "tonic")]
use super::boxes;

/// The text of an error, without that of its sources.
///
/// A `tonic::Status` prints its message as `Debug` does, and its source after it. What is escaped cannot be scrubbed, and would be
/// escaped once more where it is shown.
pub(super) struct ShownError<'e>(pub(super) &'e (dyn Error + 'static));

impl fmt::Display for ShownError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "tonic")]
        if let Some(status) = boxes::downcast::<tonic::Status>(self.0) {
            let code = status.code().description();
            return match status.message() {
                "" => f.write_str(code),
                message => write!(f, "{code}: {message}"),
            };
        }
        fmt::Display::fmt(self.0, f)
    }
}
