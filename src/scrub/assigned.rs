//! Finds values that stand after the name of a secret: `password=…`, `Authorization: …`, `("token", "…")`, `<secret>…`.

use std::{borrow::Cow, ops::Range};

use regex::{Captures, Regex};

use super::{
    FILTERED,
    value::{self, Quote},
};

/// Names of secrets in a text, with what may stand around the word.
const NAMES: &str = concat!(
    r"(?i-u:[\w.-]*(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|api[ _-]?key|credentials?|session[_-]?id|jwt|signature",
    r"|(?:access|account|private|secret|master|signing|encryption|shared)[ _-]?key|authorization|cookie)[\w-]*",
    r"|(?:\b|_)(?:auth|session|bearer|pass|pin|otp|cvv2?|cvc2?|ssn|csrf|xsrf|sid))",
);

/// Names that are also ordinary words. After such a name, a colon and a space, [`PROSE`] is no value.
const WORDS: &[&str] = &[
    "auth",
    "session",
    "token",
    "csrf",
    "bearer",
    "signature",
    "credentials",
    "cookie",
];

/// Words with which the text of an error goes on: `token: expected`, `session: closed`.
const PROSE: &[&str] = &[
    "a",
    "an",
    "aborted",
    "absent",
    "already",
    "bad",
    "cannot",
    "closed",
    "connection",
    "could",
    "denied",
    "disabled",
    "empty",
    "enabled",
    "error",
    "expected",
    "expired",
    "failed",
    "failure",
    "forbidden",
    "found",
    "invalid",
    "io",
    "malformed",
    "mismatch",
    "missing",
    "no",
    "none",
    "not",
    "null",
    "ok",
    "refused",
    "rejected",
    "required",
    "revoked",
    "the",
    "timed",
    "timeout",
    "too",
    "unauthorized",
    "unavailable",
    "unexpected",
    "unknown",
    "unsupported",
    "user",
    "was",
    "wrong",
];

/// The ways in which a name and a value stand together.
pub(super) struct Assigned {
    /// `Authorization: …` and `Cookie: …`, of which the value has spaces.
    line: Regex,
    /// `password=…`, and the same in any language.
    named: Regex,
    /// `("password", "…")`, `{"name": "password", "value": "…"}`.
    pair: Regex,
    /// `<password>…</password>`.
    element: Regex,
}

// === impl Assigned ===

impl Assigned {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        // Between name and value: quotation marks, also escaped ones of JSON inside JSON, and a separator.
        let after = r#"(?P<mark>\\*["'`])?\]?\s*(?:=>|:=|(?P<path>::+)|[:=]{1,3})"#;
        let named = format!(
            r#"(?P<name>{NAMES})(?:{after}|\((?P<call>\\*["']))|--(?i-u:[\w-]*(?:passw(?:or)?d|pwd|secret|token|key)[\w-]*)\s+"#
        );
        let line =
            format!(r"(?P<name>(?i-u:(?:\b|_)(?:authorization|(?:set-)?cookies?2?))){after}");
        let value = r#"\\*["'](?:value|val)\\*["']\s*(?:=>|[:=])\s*"#;
        let pair = format!(
            r#"[(\[{{]\s*(?:\\*["']|:){NAMES}(?:\\*["'])?\s*,\s*|\b(?i-u:name|key|field|header)\\*["']?\s*(?:=>|[:=])\s*\\*["']{NAMES}\\*["'],?\s*(?P<value>{value}|value=)"#
        );
        let element =
            format!(r"(<(?:[\w-]+:)?{NAMES}(?:\s[^<>]*)?>)(?:<!\[CDATA\[[^<>]*\]\]>|[^<>]+)(</)");
        Self {
            line: regex(&line),
            named: regex(&named),
            pair: regex(&pair),
            element: regex(&element),
        }
    }

    /// The text without what follows `Authorization:` and `Cookie:`. It goes first: another pattern would take a part.
    pub(super) fn without_lines<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replaced(text, &self.line, line_value)
    }

    pub(super) fn without_named<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replaced(text, &self.named, named_value)
    }

    pub(super) fn without_pairs<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replaced(text, &self.pair, pair_value)
    }

    pub(super) fn without_elements<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.element.replace_all(text, "${1}[Filtered]${2}")
    }
}

/// The text with each value replaced that `value` finds after `pattern`.
fn replaced<'t>(
    text: &'t str,
    pattern: &Regex,
    value: impl Fn(&str, &Captures<'_>, usize) -> Option<Range<usize>>,
) -> Cow<'t, str> {
    let mut kept = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = pattern.captures_at(text, at) {
        at = found.get_match().end();
        let Some(value) = value(text, &found, at).filter(|value| !value.is_empty()) else {
            continue;
        };
        at = value.end;
        if &text[value.clone()] != FILTERED {
            kept.push_str(&text[copied..value.start]);
            kept.push_str(FILTERED);
            copied = value.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}

/// All of the line is the value, and within quotation marks all up to the closing one.
fn line_value(text: &str, found: &Captures<'_>, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if found.name("path").is_some() {
        return None;
    }
    let start = end + text[end..].find(|one: char| !one.is_whitespace())?;
    if text[start..].starts_with(FILTERED) {
        return Some(start..start + FILTERED.len());
    }
    if let Some(end) = value::quoted(bytes, start) {
        return Some(start..end);
    }
    if matches!(bytes[start], b'[' | b'{' | b'(') {
        return Some(start..value::balanced(bytes, start));
    }
    let word = start
        + text[start..]
            .find(|one: char| !one.is_alphanumeric())
            .unwrap_or(0);
    if bytes.get(word) == Some(&b'(') {
        return Some(start..value::balanced(bytes, word));
    }
    // `-H "Authorization: …"`: the mark before the name closes the value.
    let name = found.name("name").map_or(end, |name| name.start());
    let around = match found.name("mark") {
        None => Quote::before(bytes, name),
        Some(_) => None,
    };
    let line = text[start..]
        .find(['\r', '\n'])
        .map_or(text.len(), |end| start + end);
    let close = around.map_or(line, |quote| quote.close(bytes, start).0);
    Some(start..line.min(close).max(start))
}

fn named_value(text: &str, found: &Captures<'_>, end: usize) -> Option<Range<usize>> {
    // `auth::login` is a path of Rust.
    if found.name("path").is_some() {
        return None;
    }
    if let Some(mark) = found.name("call") {
        return Some(mark.start()..value::quoted(text.as_bytes(), mark.start())?);
    }
    let start = end + text[end..].find(|one: char| !one.is_whitespace())?;
    if let Some(name) = found.name("name")
        && found.get_match().as_str().ends_with(':')
    {
        let name = name.as_str();
        if start > end && is_prose(name, &text[start..])
            || start == end && is_port(text, found, start)
        {
            return None;
        }
    }
    Some(start..value::end(text, start))
}

/// Whether an error's text goes on after a name that is an ordinary word.
fn is_prose(name: &str, rest: &str) -> bool {
    let end = rest
        .find(|one: char| !one.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let ends = rest[end..]
        .chars()
        .next()
        .is_none_or(|one| matches!(one, ' ' | '.' | ',' | ')' | '\n' | ';' | '!'));
    let is_word = WORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    is_word && ends && PROSE.contains(&&rest[..end])
}

/// Whether a port follows the name of a host: `http://auth:8080/`.
fn is_port(text: &str, found: &Captures<'_>, start: usize) -> bool {
    let before = &text[..found.get_match().start()];
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let next = text[start + digits..].chars().next();
    (2..=5).contains(&digits)
        && (before.ends_with("//") || before.ends_with('@'))
        && next.is_none_or(|one| one == '/' || one.is_whitespace() || one == ')')
}

/// The value of a pair, which has quotation marks. A tuple and a list end after it: a list of names is no pair.
fn pair_value(text: &str, found: &Captures<'_>, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if found.name("value").is_some() {
        return Some(start..value::end(text, start));
    }
    let word = text[start..]
        .find(|one: char| !one.is_ascii_alphanumeric())
        .unwrap_or(0);
    let wrapped = word > 0 && bytes[start + word] == b'(';
    if !wrapped && value::quoted(bytes, start).is_none() {
        return None;
    }
    let end = value::end(text, start);
    let closes = text[end..].trim_start().starts_with([')', ']', '}']);
    // A value without an end is one: else each would be read to the end of the text.
    (closes || end == text.len()).then_some(start..end)
}
