//! Walks the causes of an error, as far as is sane.

use std::{
    error::Error,
    fmt::{self, Write},
    io,
    sync::Arc,
};

use crate::text::push_printable;

/// Longer chains are cut: a loop in `source()` must end as well.
const DEEPEST: usize = 16;

/// The longest text of an error and its causes, in bytes.
const LONGEST: usize = 1_024;

/// The error and its causes, outermost first.
pub(crate) fn causes<'e>(
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

/// Those of them that say something of their own.
fn speaking<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    // An `io::Error` says what is wrapped in it, word by word.
    causes(error).filter(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_none_or(|io| io.get_ref().is_none())
    })
}

/// The texts of an error and its causes, in printable characters.
pub(crate) fn text(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut text = Cut(String::new());
    for cause in speaking(error) {
        let separator = if text.0.is_empty() { "" } else { ": " };
        // Full, or an error that fails to print: what there is, is enough.
        if write!(text, "{separator}{cause}").is_err() {
            break;
        }
    }
    text.0.into()
}

/// An error and its causes one by one, as they are: what is escaped cannot be scrubbed.
#[cfg(feature = "sentry")]
pub(crate) fn links(error: &(dyn Error + 'static)) -> Vec<crate::category::Link> {
    let link = |cause: &(dyn Error + 'static)| {
        let (mut kind, mut text) = (Raw(String::new()), Raw(String::new()));
        // Cut short, or an error that fails to print: what there is, is enough.
        let _ = (write!(kind, "{cause:?}"), write!(text, "{cause}"));
        let end = |character: char| !character.is_alphanumeric() && character != '_';
        let name = kind.0.split(end).next().filter(|name| !name.is_empty());
        crate::category::Link {
            kind: name.unwrap_or("Error").to_owned(),
            text: text.0.into(),
        }
    };
    speaking(error).map(link).collect()
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

/// The same without escaping.
#[cfg(feature = "sentry")]
struct Raw(String);

#[cfg(feature = "sentry")]
impl Write for Raw {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST - self.0.len();
        let fits = text
            .char_indices()
            .map(|(at, one)| at + one.len_utf8())
            .take_while(|end| *end <= room);
        let end = fits.last().unwrap_or(0);
        self.0.push_str(&text[..end]);
        if end == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
