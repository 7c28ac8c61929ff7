//! Walks the causes of an error, to a limited depth and length.

use std::{
    error::Error,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{boxes, shown_error::ShownError};
use crate::text::{end_at_word, push_printable};

/// The most errors of a chain that are visited: a loop in `source()` must end as well.
const DEEPEST: usize = 16;

/// The most errors of a chain that are passed on the way to its root.
const FARTHEST: usize = 256;

/// The longest text of an error and its causes, in bytes.
pub(crate) const LONGEST: usize = 1_024;

/// The error and its causes, outermost first.
pub(crate) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| next(*error)).take(DEEPEST)
}

/// The next error of the chain: the one that this one carries, else its source.
fn next<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    boxes::carried(error).or_else(|| error.source())
}

/// The errors of the chain that have a text of their own.
pub(crate) fn with_text<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    // An error that carries another one repeats its text.
    causes(error).filter(|cause| boxes::carried(*cause).is_none())
}

/// The errors around the outermost one with a text of its own. They only carry it.
pub(crate) fn carriers<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    causes(error).take_while(|cause| boxes::carried(*cause).is_some())
}

/// As [`with_text`], to the root of a long chain.
pub(crate) fn to_root<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let all = std::iter::successors(Some(error), |error| next(*error)).take(FARTHEST);
    all.filter(|cause| boxes::carried(*cause).is_none())
}

/// The texts of an error and its causes, in printable characters, at most 1,024 bytes and no part of a word.
pub(crate) fn text(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut text = Printable::default();
    for cause in with_text(error) {
        let separator = if text.kept.is_empty() { "" } else { ": " };
        // The text is full, or the error fails to print: what there is, is enough.
        if write!(text, "{separator}{}", ShownError(cause)).is_err() {
            break;
        }
    }
    // It is scrubbed later, so it must not end within a secret.
    if text.is_cut {
        end_at_word(&mut text.kept);
    }
    text.kept.into()
}

/// As [`text`], empty if the error panics while it prints.
pub(crate) fn text_or_empty(error: &(dyn Error + 'static)) -> String {
    catch_unwind(AssertUnwindSafe(|| text(error).to_string())).unwrap_or_default()
}

/// Takes what fits and then refuses, so that no error formats 50 MB.
#[derive(Default)]
struct Printable {
    kept: String,
    is_cut: bool,
}

impl Write for Printable {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if push_printable(&mut self.kept, text, LONGEST) {
            return Ok(());
        }
        self.is_cut = true;
        Err(fmt::Error)
    }
}
