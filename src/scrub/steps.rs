//! Applies patterns to a text one after the other, and skips each that needs a character which the text has not.

use std::borrow::Cow;

use super::replace::step;

/// The bytes with which white space begins, also of other languages than English.
pub(super) const BLANK: &[u8] = b" \t\n\r\x0b\x0c\xc2\xe1\xe2\xe3";

/// A text on its way through the patterns.
pub(super) struct Steps<'t> {
    kept: Cow<'t, str>,
    /// Which bytes it had at the beginning. A replacement adds none that a pattern needs.
    has: [bool; 256],
}

// === impl Steps ===

impl<'t> Steps<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut has = [false; 256];
        text.bytes().for_each(|byte| has[usize::from(byte)] = true);
        let kept = Cow::Borrowed(text);
        Self { kept, has }
    }

    /// Applies `pattern` if the text has one of the bytes. Most texts are short and have few kinds of them, which is cheap to
    /// know.
    pub(super) fn with(
        &mut self,
        needed: &[u8],
        pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>,
    ) {
        if needed.iter().any(|byte| self.has[usize::from(*byte)]) {
            step(&mut self.kept, pattern);
        }
    }

    /// Applies `pattern` if the text has the word.
    pub(super) fn with_word(
        &mut self,
        word: &str,
        pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>,
    ) {
        if self.kept.contains(word) {
            step(&mut self.kept, pattern);
        }
    }

    /// Applies `pattern` to any text.
    pub(super) fn always(&mut self, pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>) {
        step(&mut self.kept, pattern);
    }

    pub(super) fn kept(self) -> Cow<'t, str> {
        self.kept
    }
}
