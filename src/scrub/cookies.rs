//! Finds the value of a cookie that is printed without the name of its header: `id=…; Path=/; HttpOnly`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::replace::each_value;

/// The longest cookie, in bytes. Browsers refuse a longer one.
const LONGEST: usize = 4_096;

/// An attribute that only cookies have.
pub(super) struct Cookies(Regex);

// === impl Cookies ===

impl Cookies {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self(regex(
            r#"(?i-u:;\s*(?:path=/(?:[;\s"'\\]|$)|httponly|samesite=(?:lax|strict|none)|max-age=\d|expires=[a-z]{3},))"#,
        ))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.0, text, |found| value(text, found))
    }
}

/// The value between the name of the cookie and its first attribute.
fn value(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = found.start().saturating_sub(LONGEST);
    let near = &bytes[first..found.start()];
    let begins = |byte: &u8| byte.is_ascii_whitespace() || b";\"'`(,".contains(byte);
    let begin = near
        .iter()
        .rposition(begins)
        .map_or(first, |at| first + at + 1);
    let pair = text.get(begin..found.start())?;
    let (name, value) = pair.split_once('=')?;
    let attributes = ["path", "domain", "max-age", "samesite", "expires"];
    let is_attribute = attributes.iter().any(|one| name.eq_ignore_ascii_case(one));
    (!name.is_empty() && !is_attribute).then(|| found.start() - value.len()..found.start())
}
