//! Finds the values that an `INSERT` of SQL puts into columns of which one is named as a secret.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{names, replace::each_value, value};

/// An `INSERT` with its columns, and what is a literal in its rows.
pub(super) struct Inserted {
    insert: Regex,
    literal: Regex,
}

// === impl Inserted ===

impl Inserted {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            // Between columns and values `OUTPUT INSERTED.id` and `OVERRIDING SYSTEM VALUE` can stand.
            insert: regex(
                r"(?i-u:\b(?:insert(?:\s+\w+){0,2}|replace)\s+into)\s[^();]{1,200}\([^();]*\)[^();]{0,100}?(?i-u:\bvalues?)\s*\(",
            ),
            literal: regex(r#"['"]|\$\w*\$|[(,]\s*[+-]?\d"#),
        }
    }

    /// The text without the rows, if a literal is in them. Which value is in which column is not asked: a value can itself have
    /// commas and brackets.
    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        // In rows without a literal nothing else is one, so they are read once.
        let mut read_to = 0;
        each_value(&self.insert, text, |found| {
            let columns = columns(found)?;
            let mut columns = columns.split(',');
            let secret = columns.any(|column| names::is_secret(column.trim(), keys));
            if !secret || found.end() <= read_to {
                return None;
            }
            let rows = rows(text.as_bytes(), found.end());
            read_to = rows.end;
            self.literal
                .is_match(&text[rows.start - 1..rows.end])
                .then_some(rows)
        })
    }
}

/// What is in the first brackets.
fn columns(found: Match<'_>) -> Option<&str> {
    let (_, rest) = found.as_str().split_once('(')?;
    rest.split_once(')').map(|(columns, _)| columns)
}

/// All rows, of which the first has its values at `at`: without its first bracket and the last one of the last row.
fn rows(bytes: &[u8], at: usize) -> Range<usize> {
    let blanks = |at: usize| at + value::run(bytes, at, |byte| byte.is_ascii_whitespace());
    let mut end = value::balanced(bytes, at - 1);
    loop {
        let comma = blanks(end);
        let next = blanks(comma + 1);
        if bytes.get(comma) != Some(&b',') || bytes.get(next) != Some(&b'(') {
            break;
        }
        end = value::balanced(bytes, next);
    }
    let closed = bytes[..end].ends_with(b")");
    at..end - usize::from(closed)
}
