//! Finds credentials after the scheme that says how to read them: `Bearer …`, `Basic …`, `Token …`.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::{
    FILTERED,
    coded::{is_coded, is_mixed},
    replace::all,
};

/// Words with which a sentence goes on after `Bearer`.
const WORDS: &[&str] = &[
    "access",
    "assertion",
    "auth",
    "authentication",
    "authorization",
    "challenge",
    "credential",
    "credentials",
    "format",
    "header",
    "is",
    "missing",
    "prefix",
    "scheme",
    "token",
    "tokens",
];

/// The schemes, whose names are also English words. And base64 with padding, which needs none.
pub(super) struct Schemes(Regex);

// === impl Schemes ===

impl Schemes {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self(regex(
            r#"(?i-u:\b(bearer|basic|digest|token|apikey))(\s+\\*["']?)([\w.~+/:-]{4,}=*)|(?-u:\b([A-Za-z0-9+/_-]{8,}={1,2}))"#,
        ))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.0, text, credentials)
    }
}

/// Filters what follows a scheme, if it can be a credential and not an English word. And a user and a password in base64, which
/// its padding betrays.
fn credentials(found: &Captures<'_>) -> String {
    if let Some(coded) = found.get(4) {
        return match is_basic(coded.as_str()) {
            true => FILTERED.to_owned(),
            false => found[0].to_owned(),
        };
    }
    let (scheme, space, value) = (&found[1], &found[2], &found[3]);
    match is_credential(&scheme.to_ascii_lowercase(), value) {
        true => format!("{scheme}{space}{FILTERED}"),
        false => found[0].to_owned(),
    }
}

fn is_credential(scheme: &str, value: &str) -> bool {
    // `POST /token HTTP/1.1`, and the challenge `Basic realm="shop"`.
    if value.starts_with("HTTP/") || value == "realm=" {
        return false;
    }
    // The end of a sentence can stand directly after it.
    if value.split(['.', '~', ':']).any(is_basic) || value.ends_with('=') && value.len() > 5 {
        return true;
    }
    let word = value.trim_end_matches(['.', ':']);
    match scheme {
        "bearer" => value.len() > 5 && !WORDS.contains(&word),
        "digest" if is_checksum(value) => false,
        // An English word can have a number: `basic python3`.
        "basic" => value.len() > 24 || is_mixed(word),
        _ => value.len() > 24 || word.len() > 5 && is_coded(word),
    }
}

/// `image digest sha256:9f86d0…`, `sha1 digest da39a3…`, `weekly digest 2026-01-15`.
fn is_checksum(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_hexdigit())
        || ["sha", "md5:"].iter().any(|name| value.starts_with(name))
        || value.as_bytes().get(4) == Some(&b'-')
            && value[..4].bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a user and a password in base64: what it decodes to is printable and has a colon. It decodes by itself, because
/// no dependency of this feature does.
fn is_basic(value: &str) -> bool {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let (mut bits, mut held, mut decoded) = (0_u32, 0, Vec::new());
    for byte in value.trim_end_matches('=').bytes() {
        let Some(digit) = digit(byte) else {
            return false;
        };
        bits = (bits << 6 | u32::from(digit)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held & 0xFF) as u8);
        }
    }
    let text = String::from_utf8(decoded).unwrap_or_default();
    text.contains(':') && !text.chars().any(char::is_control)
}
