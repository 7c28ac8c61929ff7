//! Recognises secrets in a text by their form.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use super::{FILTERED, cards::without_cards, urls::url_without_secrets};

/// The forms of secrets.
pub(super) struct Patterns {
    /// A private key, from its first line to its last, or to the end of the text.
    private_key: Regex,
    url: Regex,
    /// Keys and tokens that have a form of their own.
    formed: Regex,
    /// `Cookie: …`, to the end of its line.
    cookie: Regex,
    /// `Bearer …`, and other schemes, whose names are also English words.
    scheme: Regex,
    /// `password=…`.
    assigned: Regex,
    email: Regex,
    /// IP addresses, dates, telephone and social security numbers, which only the preset for health data filters. Also UUIDs,
    /// which it keeps.
    personal: Regex,
}

pub(super) static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

// === impl Patterns ===

impl Patterns {
    #[expect(
        clippy::expect_used,
        reason = "the patterns stand here, and a test compiles them"
    )]
    fn new() -> Self {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
        Self {
            private_key: regex(
                r"(?i)-----BEGIN[A-Z0-9 +]*PRIVATE[ +]KEY[A-Z +]*-----(?s:.*?)(?:-----END[A-Z0-9 +]*-----|$)",
            ),
            url: regex(r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>`]+"#),
            formed: regex(concat!(
                r"\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*",
                r"|\b(?:AKIA|ASIA|AIDA|AROA|AGPA|ANPA|ANVA)[A-Z0-9]{16}\b",
                r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|[sr]k_(?:live|test)_|npm_|sk-(?:proj-|ant-)?)[\w-]{10,}",
                r"|\bAIza[\w-]{20,}|\bSG\.[\w-]{8,}\.[\w-]{8,}|\bbot\d{6,}:[\w-]{8,}|/api/webhooks/\d+/[\w-]+",
                r"|(?i:\bdigest\s+\w+=[^\r\n]*)",
            )),
            cookie: regex(r"(?i)\b((?:set-)?cookie2?\s*[:=]\s*)[^\r\n]+"),
            scheme: regex(
                r#"(?i)\b(bearer|basic|digest|token|apikey)(\s+\\*["']?)([\w.~+/:-]{6,}=*)"#,
            ),
            assigned: regex(concat!(
                r"(?i)((?:[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|(?:access|private|secret)[_-]?key|credentials?",
                r"|authorization|session[_-]?id|jwt|cookie|signature)[\w-]*|(?:\b|_)(?:auth|session|bearer|pass|pin|otp|cvv2?|cvc2?|ssn|csrf|xsrf|sid))",
                // Between name and value: quotes, also escaped ones of JSON inside JSON, and a separator.
                r#"(?:\\*["'])?\s*(?:=>|:=|[:=>])\s*|--[\w-]*(?:passw(?:or)?d|pwd|secret|token|key)[\w-]*\s+)"#,
                r#"(\[Filtered\]|\[[^\]\r\n]*\]?|(?:\w+\()+\\*"(?:[^"\\]|\\.)*"?"#,
                r#"|\\{4,}["'][^\r\n]*|\\{3}["'](?:[^"'\\]|\\+[^"'\\]|\\{7,}["'])*|\\["'](?:[^"'\\]|\\+[^"'\\]|\\{3,}["'])*"#,
                r#"|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'}\]]+)"#,
            )),
            email: regex(r#"(?:[\w.%+-]+|"[^"\r\n]{1,64}")@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"#),
            personal: regex(concat!(
                r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\b|\b\d{3}-\d{2}-\d{4}\b",
                r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\+?\b\d[\d ().-]{6,}\d\b",
            )),
        }
    }

    /// The text without secrets, and with `personal` also without data about a person.
    pub(super) fn filter<'t>(&self, text: &'t str, personal: bool) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        step(&mut kept, |text| {
            self.private_key.replace_all(text, FILTERED)
        });
        step(&mut kept, |text| {
            self.url
                .replace_all(text, |url: &Captures<'_>| url_without_secrets(&url[0]))
        });
        step(&mut kept, |text| self.formed.replace_all(text, FILTERED));
        step(&mut kept, |text| self.scheme.replace_all(text, credentials));
        step(&mut kept, |text| {
            self.cookie.replace_all(text, "${1}[Filtered]")
        });
        step(&mut kept, |text| {
            self.assigned.replace_all(text, "${1}[Filtered]")
        });
        step(&mut kept, |text| self.email.replace_all(text, FILTERED));
        step(&mut kept, without_cards);
        if personal {
            let unless_id = |found: &Captures<'_>| match found.name("uuid") {
                Some(uuid) => uuid.as_str().to_owned(),
                None => FILTERED.to_owned(),
            };
            step(&mut kept, |text| self.personal.replace_all(text, unless_id));
        }
        kept
    }
}

/// Replaces the text by what `pattern` made of it.
pub(super) fn step(kept: &mut Cow<'_, str>, pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>) {
    let changed = match pattern(kept) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => return,
    };
    *kept = Cow::Owned(changed);
}

/// Filters what follows a scheme, if it can be a credential and not an English word.
fn credentials(found: &Captures<'_>) -> String {
    let (scheme, space, value) = (&found[1], &found[2], &found[3]);
    let coded = |byte: u8| byte.is_ascii_digit() || byte == b'=';
    if scheme.eq_ignore_ascii_case("bearer") || value.bytes().any(coded) || value.len() > 24 {
        return format!("{scheme}{space}{FILTERED}");
    }
    found[0].to_owned()
}

/// The text without percent-encoding, if it has any.
pub(super) fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    match decoded {
        Cow::Owned(decoded) if decoded != text => Some(decoded),
        _ => None,
    }
}
