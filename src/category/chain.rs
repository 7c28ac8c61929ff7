//! Walks the causes of an error, as far as is sane.

use std::{
    error::Error,
    fmt::{self, Write},
    io,
    sync::Arc,
};

use crate::log::push_printable;

/// Longer chains are cut: a loop in `source()` must end as well.
const DEEPEST: usize = 16;

/// The longest text of an error and its causes, in bytes.
const LONGEST: usize = 1_024;

/// The error and its causes, outermost first.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| next(*error)).take(DEEPEST)
}

/// `io::Error` answers with its cause's cause, and so hides what is wrapped in it.
fn next<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The texts of an error and its causes, in printable characters.
pub(super) fn text(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut text = Cut(String::new());
    // An `io::Error` says what is wrapped in it, word by word.
    let wraps = |cause: &&(dyn Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.get_ref().is_some())
    };
    for cause in causes(error).filter(|cause| !wraps(cause)) {
        let separator = if text.0.is_empty() { "" } else { ": " };
        // Full, or an error that fails to print: what there is, is enough.
        if write!(text, "{separator}{cause}").is_err() {
            break;
        }
    }
    text.0.into()
}

/// Takes what fits, then refuses, so that nobody formats 50 MB for it.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if push_printable(&mut self.0, text, LONGEST) {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
