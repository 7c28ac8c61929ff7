//! Finds secrets that a sentence names and shows without a mark: `password hunter2`, `the token is 8f14e45f…`, `otp 482913`.

use std::{borrow::Cow, ops::Range};

use regex::Regex;

use super::replace::values_after;

/// Names of passwords. A word with a digit after one is a password.
const PASSWORDS: &str = r"passw(?:or)?d|pwd|pass[ _-]?phrase|passwort|kennwort|identified\s+by";

/// Names of two words, which no sentence has by chance.
const KEYS: &str = "(?:api|access|secret|private|signing|encryption|unseal)[ _-]key|(?:recovery|backup) code|(?:access|refresh|bearer|id|auth|api)[ _-]token";

/// Names that are ordinary words, too.
const OTHERS: &str = "token|secret|session(?:[ _-]id)?|sid|credentials?|creds?";

/// Names of codes that are digits alone.
const CODES: &str = "otp|passcode|pin|cvv2?|cvc2?|one[ -]time (?:code|password|pin)|(?:verification|security|login|sms) code";

/// The longest word that is looked at, in bytes.
const LONGEST: usize = 512;

/// The letters of ordinary words that have a number: `sha256`, `oauth2`, `user17`.
const ORDINARY: &[&str] = &[
    "account", "aes", "app", "argon", "argond", "argoni", "argonid", "attempt", "auth", "base",
    "baseurl", "bcrypt", "blake", "blakeb", "blakes", "column", "crc", "curve", "customer", "db",
    "des", "ecdsa", "ed", "env", "es", "fa", "fido", "field", "form", "hmacsha", "host", "hs",
    "http", "id", "input", "ipv", "item", "job", "jwt", "key", "level", "line", "md", "node",
    "number", "oauth", "order", "page", "part", "pbkdf", "phase", "pkcs", "pod", "policy", "ps",
    "region", "row", "rs", "rsa", "rule", "saml", "scrypt", "secpk", "secpr", "server", "service",
    "session", "sha", "shard", "slot", "ssl", "stage", "step", "task", "tenant", "test", "thread",
    "tls", "token", "try", "user", "users", "utf", "uuid", "v", "version", "worker", "x", "zone",
];

/// A name, and what a sentence puts between it and the secret.
pub(super) struct Said(Regex);

/// What a name says of the word after it.
#[derive(Clone, Copy)]
enum Name {
    Password,
    Key,
    /// Logs name sessions by their ids.
    Session,
    Other,
    /// With so many digits at least.
    Code(usize),
}

// === impl Said ===

impl Said {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        Self(regex(&format!(
            r#"(?i-u:(?:\b|_)(?:{PASSWORDS}|{KEYS}|{OTHERS}|{CODES})(?:\s+(?:for|of)\s+[\w.@-]+:?)?(?:\s+(?:is|was))?\s+)\\*["'`(\[<]?"#
        )))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        values_after(&self.0, text, |found| {
            secret_at(text, found.end(), Name::of(found.as_str()))
        })
    }
}

// === impl Name ===

impl Name {
    /// By the letters that no other name begins with. The first row counts.
    fn of(found: &str) -> Self {
        let rows: [(&[&str], Self); 6] = [
            (&["cv"], Self::Code(3)),
            (
                &["otp", "passcode", "pin", "one", "ver", "secu", "log", "sms"],
                Self::Code(4),
            ),
            (&["pass", "pwd", "kenn", "identified"], Self::Password),
            (&["session"], Self::Session),
            (&["secret key", "secret-key", "secret_key"], Self::Key),
            (&["token", "sid", "cred", "secret"], Self::Other),
        ];
        let name = found.trim_start_matches('_').to_ascii_lowercase();
        let is_of = |(names, _): &&(&[&str], Self)| names.iter().any(|one| name.starts_with(one));
        let row = rows.iter().find(is_of);
        row.map_or(Self::Key, |(_, kind)| *kind)
    }
}

/// Where the word at `at` is, if it is a secret.
fn secret_at(text: &str, at: usize, name: Name) -> Option<Range<usize>> {
    let near = text.as_bytes()[at..].iter().take(LONGEST + 1);
    let inside = |byte: &&u8| byte.is_ascii_graphic() && !b"\"'`<>{}[]\\".contains(*byte);
    let length = near.take_while(inside).count();
    // A word of letters that are not of ASCII is no key.
    if length > LONGEST || text[at + length..].starts_with(char::is_alphanumeric) {
        return None;
    }
    let word = text[at..at + length].trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
    let is_secret = match name {
        Name::Password => word.len() >= 6 && is_coded(word),
        Name::Key => word.len() >= 8 && is_coded(word),
        Name::Session => is_mixed(word) && !is_id(word),
        Name::Other => is_mixed(word),
        Name::Code(least) => {
            (least..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
        }
    };
    is_secret.then_some(at..at + word.len())
}

/// Whether a word has letters and digits, and is no name, date, version, amount or path.
fn is_coded(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_base64 = || {
        let all = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        word.len() >= 20
            && word.bytes().all(all)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
    };
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && (!word.contains(|one| "/:()=,;|".contains(one)) || is_base64())
        && !is_named(word)
        && !is_amount(word)
        && variety(word) >= 4
}

/// Whether letters and digits of a word change so often that it is no name with numbers.
fn is_mixed(word: &str) -> bool {
    word.len() >= 8 && is_coded(word) && changes(word) >= 3
}

/// Whether a word is a UUID or a ULID.
fn is_id(word: &str) -> bool {
    let parts =
        word.split('-').map(
            |part| match part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => part.len(),
                false => 0,
            },
        );
    let is_ulid = word.len() == 26
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    is_ulid || parts.eq([8, 4, 4, 4, 12])
}

/// `user17`, `sha-256`, `order-17-eu`, `v1.2.3`: words and numbers.
fn is_named(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic);
    let letters: String = letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let plain = |part: &str| {
        let part = part.strip_prefix('v').unwrap_or(part);
        part.bytes().all(|byte| byte.is_ascii_digit())
            || part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let several = word.contains(['-', '_', '.']) && word.split(['-', '_', '.']).all(plain);
    several || ORDINARY.binary_search(&&*letters).is_ok()
}

/// `30days`, `3rd`.
fn is_amount(word: &str) -> bool {
    let unit = word.trim_start_matches(|one: char| one.is_ascii_digit());
    unit.len() < word.len() && unit.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// How many different characters a word has.
fn variety(word: &str) -> usize {
    let mut seen = [false; 128];
    word.bytes()
        .for_each(|byte| seen[usize::from(byte & 127)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// How often letters follow digits or digits letters.
fn changes(word: &str) -> usize {
    let kinds = word.bytes().filter(u8::is_ascii_alphanumeric);
    let kinds: Vec<_> = kinds.map(|byte| byte.is_ascii_digit()).collect();
    kinds.windows(2).filter(|two| two[0] != two[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_with_numbers_stand_in_order() {
        assert!(ORDINARY.is_sorted());
    }
}
