//! Finds a secret in marks of which a sentence says that it is none or a bad one: `invalid token '…'`, `'…' is not a valid
//! password`, `cannot parse '…' as a token`.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::{FILTERED, replace::all};

/// What a sentence calls a secret. Some of these words are those of a parser, too: `unexpected token`.
const NAMES: &str = r"(?i-u:\b(?:tokens?|secret|passw(?:or)?d|passphrase|passcode|pin|otp|jwt|credentials?|(?:api|access|auth|secret|private|license|session)[ _-]?key|session(?:[ _-]?id)?)\b)";

/// The shortest text that is taken for a token. Words of a language that a parser names are shorter.
const SHORTEST: usize = 6;

/// Sentences by what stands first.
pub(super) struct Judged {
    /// What is bad about it.
    blamed: Regex,
    /// The secret, which is what.
    shown: Regex,
    /// Its name, and after it what is bad.
    named: Regex,
}

// === impl Judged ===

impl Judged {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        // One line, so that an apostrophe opens nothing that goes on for long.
        let quoted =
            r#"\\*(?:"(?P<a>[^"\\\r\n]+)|'(?P<b>[^'\\\r\n]+)|`(?P<c>[^`\\\r\n]+))\\*["'`]"#;
        Self {
            blamed: regex(&format!(
                r"(?P<before>(?i-u:\b(?:invalid|bad|wrong|malformed|incorrect|expired|unknown|revoked|rejected)\s+(?:[\w-]+\s+){{0,2}}){NAMES}:?\s+){quoted}"
            )),
            shown: regex(&format!(
                r"{quoted}(?i-u:\s+(?:is|was)\s+(?:not\s+)?(?:an?\s+|the\s+)?(?:in)?(?:valid|correct)|\s+as\s+an?)(?i-u:(?:\s+[\w-]+){{0,2}}\s+){NAMES}"
            )),
            named: regex(&format!(
                r"(?P<before>{NAMES}\s+){quoted}(?i-u:\s+(?:is|was|has)\s+(?:not\s+|been\s+)?(?:invalid|valid|expired|malformed|unknown|revoked|rejected|refused|too|incorrect|wrong)\b)"
            )),
        }
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.blamed, text, filtered)
    }

    pub(super) fn without_shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.shown, text, filtered)
    }

    pub(super) fn without_named<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.named, text, filtered)
    }
}

/// The sentence without what is in its marks.
fn filtered(found: &Captures<'_>) -> String {
    let whole = found.get(0).map_or(0, |whole| whole.start());
    let inside = ["a", "b", "c"].iter().find_map(|name| found.name(name));
    match inside.filter(|inside| inside.len() >= SHORTEST) {
        Some(inside) => format!(
            "{}{FILTERED}{}",
            &found[0][..inside.start() - whole],
            &found[0][inside.end() - whole..]
        ),
        None => found[0].to_owned(),
    }
}
