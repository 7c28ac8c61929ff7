//! Knows names that mean a secret only beside others: `code` beside the `state` of OAuth, `sig` beside the fields of a shared
//! access signature, `d` beside the `kty` of a key.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};
use serde_json::{Map, Value};

use super::{coded::is_token, replace::each_value, value};

/// What tells that `code` is one of OAuth.
const OF_OAUTH: &[&str] = &[
    "grant_type",
    "code_verifier",
    "redirect_uri",
    "session_state",
];

/// What tells that `sig` is a shared access signature.
const OF_SIGNATURE: &[&str] = &["sv", "se", "sr", "skn"];

/// The private parts of a JSON web key.
const OF_KEY: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "k"];

/// Ends of paths that OAuth calls back, with the mark of a query.
const CALLBACKS: &[&str] = &["callback?", "/cb?", "/oauth?", "/oauth2?", "/authorized?"];

/// How far a telling field may be, in bytes.
const FARTHEST: usize = 192;

/// The shortest part of a key. Its parts are long, so that its type can be far away.
const SHORTEST_KEY: usize = 16;

/// `SIGTERM` and the like are no longer.
const LONGEST_SIGNAL: usize = 16;

/// A number of so many digits is the code of an error.
const LONGEST_NUMBER: usize = 5;

/// The names in a text.
pub(super) struct Beside {
    code: Regex,
    signature: Regex,
    key: Regex,
}

// === impl Beside ===

impl Beside {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        let part = OF_KEY.join("|");
        Self {
            code: regex(r#"(?-u:\b)code\\*["'`]?(?:=|:\s*)(?:Some\()?\\*["'`]?"#),
            signature: regex(r"(?-u:\b)sig="),
            key: regex(&format!(
                r#"(?-u:\b)(?:{part})\\*["'`]?\s*[:=]\s*(?:Some\()?\s*\\*["'`]"#
            )),
        }
    }

    pub(super) fn without_codes<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.code, text, |found| code(text, found))
    }

    pub(super) fn without_signatures<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.signature, text, |found| {
            let value = coded(text, found.end());
            let in_query =
                text[..found.start()].ends_with(['&', '?']) || text[value.end..].starts_with('&');
            (in_query || value.len() > LONGEST_SIGNAL).then_some(value)
        })
    }

    /// Only a text with the type of a key has one.
    pub(super) fn without_keys<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.key, text, |found| {
            let value = coded(text, found.end());
            (value.len() >= SHORTEST_KEY).then_some(value)
        })
    }
}

/// The names of the fields of an object that hold a secret, by the others of it.
pub(super) fn secrets(fields: &Map<String, Value>) -> Vec<String> {
    let beside = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    let is_secret = |name: &str, value: &Value| match name {
        "code" => value.as_str().is_some_and(|text| {
            beside(OF_OAUTH) && !is_number(text) || beside(&["state"]) && is_token(text)
        }),
        "sig" => beside(OF_SIGNATURE),
        _ => OF_KEY.contains(&name) && beside(&["kty"]),
    };
    let secret = fields.iter().filter(|(name, value)| is_secret(name, value));
    secret.map(|(name, _)| name.clone()).collect()
}

/// Whether the value of a pair of a query is a secret, by the other pairs of it.
pub(super) fn is_secret_in_query(name: &str, value: &str, query: &str) -> bool {
    let beside = |names: &[&str]| {
        let mut pairs = query.split('&');
        pairs.any(|pair| names.contains(&pair.split('=').next().unwrap_or_default()))
    };
    match name {
        "code" => !is_number(value) && (beside(OF_OAUTH) || beside(&["state"])) || is_token(value),
        "sig" => true,
        _ => false,
    }
}

/// Another field of OAuth must be near, or the path of its callback stand before, unless it is made at random and in a query.
fn code(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let value = coded(text, found.end());
    let word = &text[value.clone()];
    let before = &text[..found.start()];
    let in_query = found.as_str().ends_with('=')
        && (before.ends_with(['?', '&']) || text[value.end..].starts_with('&'));
    let called_back = || CALLBACKS.iter().any(|path| before.ends_with(path));
    let is_secret = match (in_query, is_token(word)) {
        (true, true) => true,
        (true, false) => called_back() || is_near(text, &found, &["state"]),
        (false, true) => is_near(text, &found, &["state"]),
        (false, false) => false,
    };
    let is_secret = is_secret || is_near(text, &found, OF_OAUTH);
    (!is_number(word) && is_secret).then_some(value)
}

/// The run of characters from `at` on of which keys and codes are made. It ends with `=`: else the names behind it would be in it, and it
/// would be read once for each of them.
fn coded(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let of_code = |byte: u8| byte.is_ascii_alphanumeric() || b"_~.%+/-".contains(&byte);
    let end = at + value::run(bytes, at, of_code);
    at..end + value::run(bytes, end, |byte| byte == b'=')
}

fn is_number(text: &str) -> bool {
    text.len() <= LONGEST_NUMBER && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether one of the names stands near as a field.
fn is_near(text: &str, found: &Match<'_>, names: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let first = found.start().saturating_sub(FARTHEST);
    let near = &bytes[first..bytes.len().min(found.end() + FARTHEST)];
    names.iter().any(|name| {
        let mut windows = near.windows(name.len() + 1);
        windows.any(|window| {
            window.starts_with(name.as_bytes()) && b"=:\"'\\".contains(&window[name.len()])
        })
    })
}
