//! Finds secrets in values of types whose fields have no names: `Basic("bob", Some("…"))`, `Pin(4821)`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{replace::each_value, value};

/// How far the last argument may end, in bytes. It keeps the time in proportion to the text.
const FARTHEST: usize = 1_024;

/// The name of a type and its bracket.
pub(super) struct Tuples {
    /// A user and a password.
    credentials: Regex,
    /// A code that is a number.
    code: Regex,
}

// === impl Tuples ===

impl Tuples {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self {
            credentials: regex(
                r#"(?-u:(?:[Bb]asic|[Dd]igest|[Nn]tlm|[Ll]ogin|\bplain|Plain|[Uu]ser_?[Pp]ass\w*|[Uu]ser[Nn]ame_?[Pp]assword)(?:_?[Aa]uth\w*)?)\(\s*(?:Some\()?\\*["']"#,
            ),
            // The number of a pin of a chip has fewer digits.
            code: regex(
                r"(?-u:(?:\b|_|[a-z])(?:(?:Pin|PIN|pin|Otp|OTP|Totp|Passcode|MfaCode|OtpCode|PinCode|Password|Ssn)(?:\(|\s?\{\s*(?:\w*value|inner|raw|code|0):)\s*(?:Some\(\s*)?\d{4,}|(?:Cvv|CVV|Cvc|CVC)2?(?:\(|\s?\{\s*(?:\w*value|inner|raw|code|0):)\s*(?:Some\(\s*)?\d{3,}))",
            ),
        }
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.credentials, text, |found| arguments(text, found))
    }

    pub(super) fn without_codes<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.code, text, |found| {
            let name = found.as_str();
            let digits = name.len()
                - name
                    .trim_end_matches(|one: char| one.is_ascii_digit())
                    .len();
            Some(found.end() - digits..found.end())
        })
    }
}

/// All arguments, if there are two at least. One alone is a text.
fn arguments(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let open = found.start() + found.as_str().find('(')?;
    let near = &bytes[..bytes.len().min(open + FARTHEST)];
    let first = open + 1 + value::run(bytes, open + 1, |byte| byte.is_ascii_whitespace());
    let word = value::run(near, first, |byte| byte.is_ascii_alphanumeric());
    let end = match value::quoted(near, first) {
        Some(end) => end,
        None => value::balanced(near, first + word),
    };
    let blanks = |at: usize| at + value::run(near, at, |byte| byte.is_ascii_whitespace());
    let comma = blanks(end);
    let next = blanks(comma + 1);
    let called = next + value::run(near, next, |byte| byte.is_ascii_alphanumeric());
    let is_text = value::quoted(near, next).is_some() || near.get(called) == Some(&b'(');
    let more = near.get(comma) == Some(&b',') && is_text;
    let close = value::balanced(near, open);
    let closes = near[..close].ends_with(b")");
    (more && text.is_char_boundary(close)).then(|| first..close - usize::from(closes))
}
