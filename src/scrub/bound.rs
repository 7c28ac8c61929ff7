//! Finds the values that are bound to a statement of SQL that names a secret, where a log shows both.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{names, replace::each_value, value};

/// How far the statement may stand before its values, in bytes.
const FARTHEST: usize = 4_096;

/// The names that code gives to the values, and the verbs with which a statement begins.
pub(super) struct Bound {
    values: Regex,
    verb: Regex,
}

// === impl Bound ===

impl Bound {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            // `-- binds: [`, `values: Some(Values([`, `[parameters: (`, `"params":[`, `Parameters: a(String)`, `parameters: $1
            // = `.
            values: regex(
                r#"(?i-u:\b(?:binds?|bindings|bound|values|param(?:eter)?s|arg(?:ument)?s))\\*["'`]?\s*(?:=>|[:=])\s*"#,
            ),
            // Verbs are also words of sentences: `update of a session`.
            verb: regex(
                r"(?i-u:\bselect\s)(?s:.*?)(?i-u:\sfrom\s)|(?i-u:\b(?:(?:insert|merge|replace)\s+into|delete\s+from)\s)|(?i-u:\bupdate\s+)\S+(?i-u:\s+set\s)",
            ),
        }
    }

    /// The text without the values. No part of it is read twice.
    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        let mut from = 0;
        // Where the last statement ends as far as it is read, and whether it names a secret.
        let mut statement = (0, false);
        each_value(&self.values, text, |found| {
            let before = &text[from..found.start()];
            if let Some(verb) = self.verb.find(before) {
                statement = (found.start(), names::are_in(&before[verb.start()..], keys));
            }
            from = found.end();
            let (end, names_a_secret) = statement;
            let near = found.start() - end <= FARTHEST;
            (names_a_secret && near).then(|| values(text, &found))
        })
    }
}

/// All that is in brackets, or all of the line.
fn values(text: &str, found: &Match<'_>) -> Range<usize> {
    let (bytes, start) = (text.as_bytes(), found.end());
    let word = value::run(bytes, start, |byte| byte.is_ascii_alphanumeric());
    let bracketed = |at: usize| matches!(bytes.get(at), Some(b'(' | b'[' | b'{'));
    // `a(String), b(Long)` is no call.
    let called = word > 0 && matches!(&text[start..start + word], "Some" | "Values" | "vec");
    if bracketed(start) || called && bracketed(start + word) {
        return start..value::balanced(bytes, start + word * usize::from(called));
    }
    start..line_end(bytes, start)
}

/// The end of the line, or of the text in marks that goes around it. A mark after a blank or a bracket opens a value.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while at < bytes.len() {
        let slashes = value::run(bytes, at, |byte| byte == b'\\');
        let opens = at > 0 && b" ,:=([{".contains(&bytes[at - 1]);
        at = match bytes.get(at + slashes) {
            Some(b'\r' | b'\n') if slashes == 0 => return at,
            Some(b'"') if !opens => return at,
            Some(b'"') => value::quoted(bytes, at).unwrap_or(at + slashes + 1),
            _ => at + slashes.max(1),
        };
    }
    at
}
