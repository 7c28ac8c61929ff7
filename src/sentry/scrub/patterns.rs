//! Knows what secrets look like in a text, whatever they are called.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

/// What stands in a secret's place.
pub(super) const FILTERED: &str = "[Filtered]";

/// What secrets look like.
pub(super) struct Patterns {
    /// From the first line to the last, or to the end.
    private_key: Regex,
    url: Regex,
    /// Credentials by their own form.
    formed: Regex,
    /// `Cookie: …`, to the end of its line.
    cookie: Regex,
    /// `Bearer …`, and the same for the schemes that are also English words.
    scheme: Regex,
    /// `password=…`.
    assigned: Regex,
    email: Regex,
    /// What only the preset for health data filters: IP addresses, dates, telephone and social security numbers; and ids, which
    /// it leaves alone, whatever digits are in them.
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
                // What stands between name and value, in JSON also when it is quoted once more.
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

    /// A text without what looks like a secret, and where it is `personal` also without what says something of a person.
    pub(super) fn filter<'t>(&self, text: &'t str, personal: bool) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        step(&mut kept, |text| {
            self.private_key.replace_all(text, FILTERED)
        });
        step(&mut kept, |text| {
            self.url
                .replace_all(text, |url: &Captures<'_>| without_secrets(&url[0]))
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

/// Puts what a pattern made of the text in its place.
pub(super) fn step(kept: &mut Cow<'_, str>, pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>) {
    let changed = match pattern(kept) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => return,
    };
    *kept = Cow::Owned(changed);
}

/// A scheme and what follows it, if that can be a credential and no English word.
fn credentials(found: &Captures<'_>) -> String {
    let (scheme, space, value) = (&found[1], &found[2], &found[3]);
    let coded = |byte: u8| byte.is_ascii_digit() || byte == b'=';
    if scheme.eq_ignore_ascii_case("bearer") || value.bytes().any(coded) || value.len() > 24 {
        return format!("{scheme}{space}{FILTERED}");
    }
    found[0].to_owned()
}

/// A URL without user, password, values of its query, and fragment.
pub(in crate::sentry) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What is no port after a colon is the beginning of a password that has such a character in it.
    let cut = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().any(|byte| !byte.is_ascii_digit()));
    if cut && let Some((_, rest)) = rest.rsplit_once('@') {
        return without_secrets(&format!("{scheme}://{rest}")).replacen("://", "://[Filtered]@", 1);
    }
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, _)) => (rest, "#[Filtered]"),
        None => (rest, ""),
    };
    let (rest, values) = match rest.split_once('?') {
        Some((rest, values)) => (rest, format!("?{}", query(values))),
        None => (rest, String::new()),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{FILTERED}@{host}"),
        None => authority.to_owned(),
    };
    // Whoever knows this path may post there.
    let path = match host.as_str() {
        "hooks.slack.com" => "/[Filtered]",
        _ => path,
    };
    format!("{scheme}://{host}{path}{values}{fragment}")
}

/// A query without its values; where there is no `=`, all of it is one.
pub(super) fn query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={FILTERED}"),
        None => FILTERED.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A text without percent-encoding, if it has any.
pub(super) fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    match decoded {
        Cow::Owned(decoded) if decoded != text => Some(decoded),
        _ => None,
    }
}

/// A text without card numbers: 13 to 19 digits, in one or in groups of three and more, of a network that exists, with the
/// right check digit.
fn without_cards(text: &str) -> Cow<'_, str> {
    const SHORTEST: usize = 13;
    const LONGEST: usize = 19;
    let bytes = text.as_bytes();
    let group = |at: usize| {
        bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut kept = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) {
        if let Some(end) = id_around(bytes, start) {
            at = end;
            continue;
        }
        let first = group(start);
        let (mut digits, mut end) = (first, start + first);
        at = end;
        let mut card = None;
        while digits <= LONGEST {
            if digits >= SHORTEST && is_card(&bytes[start..end]) {
                card = Some(end);
            }
            let next = end + separators(&bytes[end..]);
            let length = group(next);
            if next == end || length < 3 || first < 3 {
                break;
            }
            digits += length;
            end = next + length;
        }
        if let Some(end) = card {
            kept.push_str(&text[copied..start]);
            kept.push_str(FILTERED);
            copied = end;
            at = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}

/// How many bytes stand between two groups of a number: one or two of what people write there.
fn separators(bytes: &[u8]) -> usize {
    let separator = |bytes: &[u8]| match bytes {
        [b' ' | b'-' | b'.' | b'/' | b'_' | b'+', ..] => 1,
        // A space that does not break.
        [0xC2, 0xA0, ..] => 2,
        _ => 0,
    };
    let first = separator(bytes);
    first
        + if first == 0 {
            0
        } else {
            separator(&bytes[first..])
        }
}

/// The end of a UUID or of an id of 16 or 32 hexadecimal digits, where a digit of it stands at `at`: its digits are no card's.
fn id_around(bytes: &[u8], at: usize) -> Option<usize> {
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let start = (0..at)
        .rev()
        .take(36)
        .take_while(|at| is_hex(*at))
        .last()
        .unwrap_or(at);
    let run = (start..).take_while(|at| is_hex(*at)).take(36).count();
    let letters = bytes[start..start + run]
        .iter()
        .any(u8::is_ascii_alphabetic);
    if matches!(run, 16 | 32) && letters {
        return Some(start + run);
    }
    let uuid = bytes.get(start..start + 36)?;
    let shaped = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (uuid.iter().enumerate().all(shaped) && !is_hex(start + 36)).then_some(start + 36)
}

/// Luhn's check, over the digits of `text`.
fn is_card(text: &[u8]) -> bool {
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit());
    let sum: u32 = digits()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            match index % 2 {
                0 => digit,
                _ => digit * 2 % 10 + digit / 5,
            }
        })
        .sum();
    matches!(text.first(), Some(b'2'..=b'6')) && sum.is_multiple_of(10)
}
