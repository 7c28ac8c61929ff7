//! Finds the secrets that statements of SQL have beside the columns of an `INSERT`: `(name, password) = ('bob', '…')`,
//! `SET PASSWORD FOR bob = '…'`, `IDENTIFIED BY …`, `pgp_sym_decrypt(note, '…')`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{
    names,
    no_value::{Place, is_no_value},
    replace::each_value,
    value,
};

/// The longest list of columns, in bytes.
const LONGEST_ROW: usize = 300;

/// What follows `IDENTIFIED BY` and is no password.
const WORDS: &[&str] = &["VALUES", "RANDOM", "EXTERNALLY", "GLOBALLY"];

/// Places after which a secret stands.
pub(super) struct Statements {
    /// The end of a row of columns or of a call, and the beginning of the row of their values or of the literal.
    row: Regex,
    /// Before the one value of a clause.
    clause: Regex,
    /// A function of which an argument is a key.
    call: Regex,
}

// === impl Statements ===

impl Statements {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            row: regex(
                r"\)\s*(?:=|<>|!=|(?i-u:\b(?:not\s+)?(?:in|i?like)\b))\s*(?:(?i-u:row\s*)?\(|[EN]?')",
            ),
            clause: regex(concat!(
                r"(?i-u:\bset\s+password\s+for\s)[ -:<-~]{1,100}?(?i-u:=|\bto\b)\s*",
                r"|(?i-u:\bidentified\s+(?:with|via)\s+)\S+(?i-u:\s+(?:by|as|using)\s+(?:password\s+)?)",
                r"|(?-u:\bIDENTIFIED\s+BY\s+(?:PASSWORD\s+)?)",
                r"|(?i-u:\battach\s+(?:database\s+)?)\S+(?i-u:\s+as\s+)\S+(?i-u:\s+key\s+)",
            )),
            call: regex(
                r"(?i-u:\b(?:pgp_(?:sym|pub)_(?:en|de)crypt(?:_bytea)?|aes_(?:en|de)crypt|(?:en|de)cryptbypassphrase))\(",
            ),
        }
    }

    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        each_value(&self.row, text, |found| row(text, keys, found))
    }

    pub(super) fn without_clauses<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.clause, text, |found| clause(text, found))
    }

    pub(super) fn without_calls<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.call, text, |found| literals(text, found.end() - 1))
    }
}

/// The values of a row whose columns are named as a secret.
fn row(text: &str, keys: &[String], found: Match<'_>) -> Option<Range<usize>> {
    let near = &text.as_bytes()[found.start().saturating_sub(LONGEST_ROW)..found.start()];
    let open = near.iter().rposition(|byte| b"();".contains(byte))?;
    let columns = near.get(open + 1..).filter(|_| near[open] == b'(')?;
    let columns = str::from_utf8(columns).ok()?;
    let mut columns = columns.split(',').map(|column| column.trim());
    let secret = columns.any(|column| names::is_secret(column, keys));
    if !secret {
        return None;
    }
    // `lower(token) = '…'`.
    let open = found.end() - 1;
    match text[open..].starts_with('\'') {
        true => Some(open..value::quoted(text.as_bytes(), open)?),
        false => literals(text, open),
    }
}

/// What is in the brackets that open at `open`, if a literal is among it. To look for their end from each beginning would take
/// too long where nothing is filtered.
fn literals(text: &str, open: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let near = &bytes[..bytes.len().min(open + LONGEST_ROW)];
    let end = value::balanced(near, open);
    let literal = near[open..end].iter().any(|byte| b"'\"".contains(byte));
    let end = match end == near.len() {
        true if literal => value::balanced(bytes, open),
        _ => end,
    };
    let closed = bytes[..end].ends_with(b")");
    (literal && text.is_char_boundary(end)).then(|| open + 1..end - usize::from(closed))
}

fn clause(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let start = found.end();
    let place = Place {
        before: "",
        name: "password",
        spaced: true,
        rest: &text[start..],
    };
    let begins = |word: &&str| text[start..].starts_with(*word);
    if is_no_value(&place) || WORDS.iter().any(begins) {
        return None;
    }
    let end = value::end(text, start);
    let kept = text[start..end].trim_end_matches([';', ',', ')', '.']);
    // A call ends with its bracket.
    let called = kept.contains('(');
    Some(start..if called { end } else { start + kept.len() })
}
