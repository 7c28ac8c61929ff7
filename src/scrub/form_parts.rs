//! Finds the values of a form in parts, as `multipart/form-data` has them, whose parts are named as secrets.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{assigned::NAMES, replace::each_value};

/// An end of a line, also as code escapes it.
const END: &str = r"(?:\r?\n|\\+r\\+n|\\+n)";

/// The head of a part with the name of a secret, up to its empty line.
pub(super) struct FormParts {
    head: Regex,
    /// What the next boundary begins with.
    boundary: Regex,
}

// === impl FormParts ===

impl FormParts {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            head: regex(&format!(
                r#"(?i-u:form-data);[^\r\n]{{0,200}}?(?-u:\b)name=\\*["']?{NAMES}\\*["']?(?:;[^\r\n]{{0,200}}?)?{END}(?:[\w-]+:[^\r\n]{{0,200}}?{END})?{END}"#
            )),
            boundary: regex(&format!("{END}--")),
        }
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.head, text, |head| self.value(text, head))
    }

    /// All up to the next boundary, or to the end of the text.
    fn value(&self, text: &str, head: Match<'_>) -> Option<Range<usize>> {
        let boundary = self.boundary.find_at(text, head.end());
        Some(head.end()..boundary.map_or(text.len(), |boundary| boundary.start()))
    }
}
