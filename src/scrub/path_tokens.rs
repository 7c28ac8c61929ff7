//! Finds tokens in paths: `/reset-password/…`, `/verify/…`, `/invite/…`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{
    coded::{is_id, is_token},
    replace::each_value,
    value,
};

/// The most segments after the telling one that are looked at: `/reset/MQ/…`, `/verify-email/17/…`.
const MOST_SEGMENTS: usize = 3;

/// The longest segment, in bytes.
const LONGEST: usize = 1_024;

/// A segment that says what the next ones are.
pub(super) struct PathTokens(Regex);

// === impl PathTokens ===

impl PathTokens {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self(regex(
            r"(?i-u:/(?:(?:password[_-]?)?(?:reset|recover)|verif|confirm|invit|join|activat|magic|unsubscribe|accept[_-]?invit|share|login[_-]?link|one[_-]?time|token|webhook|hook)[a-z_-]{0,24}\\*/)",
        ))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.0, text, |found| token(text, found))
    }
}

/// The first of the next segments that is no word, number or name. A UUID is a token here: many an invitation is one.
fn token(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // `/usr/share/doc/libssl3t64` is a path of files.
    if text[..found.start()].ends_with("/usr") || text[..found.start()].ends_with("/local") {
        return None;
    }
    let mut at = found.end();
    for _ in 0..MOST_SEGMENTS {
        let near = &bytes[..bytes.len().min(at + LONGEST)];
        let of_segment = |byte: u8| byte.is_ascii_alphanumeric() || b"_~.%+=-".contains(&byte);
        let end = at + value::run(near, at, of_segment);
        let segment = text[at..end].trim_end_matches('.');
        if is_token(segment) || is_id(segment) {
            return Some(at..at + segment.len());
        }
        let slash = end + value::run(bytes, end, |byte| byte == b'\\');
        if end == at || bytes.get(slash) != Some(&b'/') {
            return None;
        }
        at = slash + 1;
    }
    None
}
