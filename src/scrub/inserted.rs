//! Finds the values that an `INSERT` of SQL puts into columns of which one is named as a secret.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::{FILTERED, names, replace::all};

/// An `INSERT` with its columns, and the literals in its values.
pub(super) struct Inserted {
    insert: Regex,
    literal: Regex,
}

// === impl Inserted ===

impl Inserted {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            insert: regex(
                r"((?i-u:\b(?:insert|replace)\s+into)\s[^();]{1,200}\(([^();]*)\)\s*(?i-u:values?)\s*)(\([^;]*)",
            ),
            // As far as the mark that closes it, if the text was not cut before.
            literal: regex("'(?:[^']|'')*(?:'|$)"),
        }
    }

    /// The text without the literals. Which of them is whose is not asked: a value can itself have commas and brackets.
    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        all(&self.insert, text, |found: &Captures<'_>| {
            let mut columns = found[2].split(',');
            if !columns.any(|column| names::is_secret(column.trim(), keys)) {
                return found[0].to_owned();
            }
            let values = self.literal.replace_all(&found[3], FILTERED);
            format!("{}{values}", &found[1])
        })
    }
}
