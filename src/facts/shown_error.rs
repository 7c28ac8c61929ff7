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

#[cfg(all(test, feature = "tonic", feature = "sentry"))]
mod tests {
    use std::{io, sync::Arc};

    use tonic::Status;

    use crate::facts::{chain, links::Links};

    fn refused() -> Status {
        let mut status = Status::internal("the key \"a\\b\" is\nno key");
        status.set_source(Arc::new(io::Error::other("it is \"odd\"")));
        status
    }

    #[test]
    fn the_text_of_a_status_is_shown_as_it_was_written() {
        let links = Links::of(&refused());
        let texts: Vec<_> = links.innermost_first().map(|link| &*link.text).collect();
        let outer = "Internal error: the key \"a\\b\" is\nno key";
        assert_eq!(texts, ["it is \"odd\"", outer]);
        // One line, in which each character is escaped once.
        let line = r#"Internal error: the key "a\\b" is\nno key: it is "odd""#;
        for shown in [
            chain::text(&refused()),
            chain::text(&Arc::new(refused())),
            chain::text(&io::Error::other(refused())),
        ] {
            assert_eq!(&*shown, line);
        }
        assert_eq!(
            &*chain::text(&Status::data_loss("")),
            "Unrecoverable data loss or corruption"
        );
    }
}
