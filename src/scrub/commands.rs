//! Finds the password in a command of a protocol: `AUTH …` of Redis, `PASS …` of FTP, IRC and POP3, `LOGIN bob …` of IMAP.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{replace::each_value, sentence, value};

/// The longest command, in bytes.
const LONGEST: usize = 512;

/// The most words after a command. A sentence has more.
const MOST_WORDS: usize = 3;

/// Mechanisms of `AUTH`, after which the credential has a form of its own or comes later.
const MECHANISMS: &[&str] = &[
    "PLAIN", "LOGIN", "XOAUTH2", "CRAM", "GSSAPI", "TLS", "SSL", "OK",
];

/// Words with which a sentence goes on that begins as a command.
const WORDS: &[&str] = &[
    "accepted",
    "enabled",
    "granted",
    "loaded",
    "module",
    "page",
    "ready",
    "rendered",
    "service",
    "started",
    "starting",
    "stopped",
    "success",
    "succeeded",
    "successful",
    "supported",
];

/// A command at the beginning of a line, of a text in marks, or after a prompt.
pub(super) struct Commands(Regex);

// === impl Commands ===

impl Commands {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        // IMAP puts a tag before it, and Redis says it also within `HELLO 3`, and in small letters in what it monitors.
        Self(regex(
            r#"(?-u:(?:^|[\r\n>:"'`]|\\n|\\r)[ \t]{0,2}(?:\w{1,8}[ \t]+|HELLO[ \t]\d[ \t]|PRIVMSG[ \t]\w+[ \t]:)?(?:AUTH|PASS|LOGIN|OPER|IDENTIFY)(?:\\*["'])?[ \t]+|\\*"auth\\*"[ \t]+)"#,
        ))
    }

    pub(super) fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.0, text, |found| secret(text, found))
    }
}

/// The last word of the command, if it has as many as it needs.
fn secret(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let command = found
        .as_str()
        .trim_end_matches(|one: char| !one.is_ascii_alphabetic());
    let words = words(text, found.end())?;
    let last = words.last()?.clone();
    let first = &text[words[0].clone()];
    let needed = match command {
        _ if command.ends_with("PASS") => 1..=1,
        _ if command.ends_with("LOGIN") || command.ends_with("OPER") => 2..=2,
        _ => 1..=2,
    };
    let is_mechanism = MECHANISMS.iter().any(|one| first.starts_with(one));
    let fits = needed.contains(&words.len()) && !(is_mechanism && needed == (1..=2));
    let word = text[last.clone()].trim_matches(|one: char| !one.is_ascii_alphanumeric());
    let is_number = word.len() < 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    (fits && !is_number && !is_file(word) && !sentence::is_word(word) && !WORDS.contains(&word))
        .then_some(last)
}

/// The words up to the end of the line or of the text in marks. None if they are too many.
fn words(text: &str, at: usize) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let limit = bytes.len().min(at + LONGEST);
    let mut words = Vec::new();
    let mut at = at;
    loop {
        at += value::run(bytes, at, |byte| b" \t".contains(&byte));
        let slashes = value::run(bytes, at, |byte| byte == b'\\');
        let ended = match bytes.get(at + slashes) {
            None | Some(b'\r' | b'\n') => true,
            Some(b'n' | b'r') => slashes > 0,
            // The mark of a text around the command, unless the words have marks of their own.
            Some(b'"' | b'\'' | b'`') => value::quoted(&bytes[..limit], at).is_none_or(|end| {
                bytes[at..end]
                    .iter()
                    .filter(|byte| b"\"'`".contains(byte))
                    .count()
                    < 2
            }),
            _ => false,
        };
        if ended {
            return Some(words).filter(|words| !words.is_empty());
        }
        let end = match value::quoted(&bytes[..limit], at) {
            Some(end) => end,
            None => {
                at + value::run(bytes, at, |byte| {
                    !byte.is_ascii_whitespace() && !b"\\\"'`".contains(&byte)
                })
            }
        };
        if end == at || end >= limit && limit < bytes.len() || words.len() == MOST_WORDS {
            return None;
        }
        words.push(at..end);
        at = end;
    }
}

/// Whether it is the name of a file of code, as runners of tests say it: `PASS src/app.test.js`.
fn is_file(word: &str) -> bool {
    let ending = word.rsplit_once('.').map(|(_, ending)| ending);
    word.contains("::")
        || ending.is_some_and(|ending| {
            [
                "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "rs", "py", "go",
                "rb", "php", "java", "kt", "sh",
            ]
            .contains(&ending)
        })
}
