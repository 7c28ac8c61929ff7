//! Finds secrets that a sentence names and shows without a mark: `password hunter2`, `the token is 8f14e45f…`, `otp 482913`.

use std::{borrow::Cow, ops::Range};

use regex::Regex;

use super::{
    coded::{is_coded, is_id, is_mixed},
    replace::each_value,
    value::{self, Quote},
};

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
        each_value(&self.0, text, |found| {
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
    if let (Name::Other, Some(phrase)) = (name, phrase(text, at)) {
        return Some(phrase);
    }
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

/// Several words in marks, which no name of a secret or of a token has: `secret "correct horse battery staple"`.
fn phrase(text: &str, at: usize) -> Option<Range<usize>> {
    const FEWEST: usize = 3;
    let bytes = text.as_bytes();
    let quote = Quote::before(bytes, at)?;
    let near = &bytes[..bytes.len().min(at + LONGEST)];
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b" -".contains(&byte);
    let end = at + value::run(near, at, inside);
    let blanks = bytes[at..end].iter().filter(|byte| **byte == b' ').count();
    let closed = Quote::at(bytes, end).is_some_and(|(close, _)| close == quote);
    (closed && blanks >= FEWEST).then_some(at..end)
}
