//! Keeps the chain of causes of an error one by one, for Sentry.

use std::{
    error::Error,
    fmt::{self, Write},
    sync::Arc,
};

use super::chain::{self, LONGEST};

/// The error and its causes, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links(Vec<Link>);

/// One error in a chain of causes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The name of its type, as far as its `Debug` shows it.
    pub(crate) kind: String,
    /// Its text as it is: text that is escaped cannot be scrubbed.
    pub(crate) text: Arc<str>,
}

// === impl Links ===

impl Links {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        Self(chain::with_text(error).map(Link::of).collect())
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if self.0.is_empty() { other } else { self }
    }

    /// Innermost first.
    pub(crate) fn innermost_first(&self) -> impl Iterator<Item = &Link> {
        self.0.iter().rev()
    }
}

// === impl Link ===

impl Link {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let (mut kind, mut text) = (Raw(String::new()), Raw(String::new()));
        // The text is cut, or the error fails to print: what there is, is enough.
        let _ = (write!(kind, "{error:?}"), write!(text, "{error}"));
        let end = |character: char| !character.is_alphanumeric() && character != '_';
        let name = kind.0.split(end).next().filter(|name| !name.is_empty());
        Self {
            kind: name.unwrap_or("Error").to_owned(),
            text: text.0.into(),
        }
    }
}

/// Takes what fits without escaping it, and then refuses.
struct Raw(String);

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
