//! Recognises what stands where a value would and is none: a placeholder, a word of a sentence, a port, a version.

use std::ops::Range;

use super::{
    FILTERED,
    sentence::{goes_on, letters_of, trimmed},
    value,
};

/// Words of a sentence after which an error shows the value that was refused: `token: invalid …`.
const REFUSED: &[&str] = &[
    "bad",
    "expired",
    "invalid",
    "malformed",
    "rejected",
    "revoked",
    "unknown",
    "wrong",
];

/// The shortest value after one of [`REFUSED`]. A shorter word can be the name of an algorithm.
const SHORTEST_REFUSED: usize = 12;

/// What prints for no value.
const NOTHING: &[&str] = &["None", "null", "NULL", "nil", "undefined"];

/// Placeholders without a name.
const PLACEHOLDERS: &[&str] = &["?", "%s", "%d", "%v", "{}", "{:?}"];

/// How much of a refused value is read, in bytes.
const LONGEST_REFUSED: usize = 512;

/// The longest beginning of the name of a resource, in characters.
const LONGEST_URN: usize = 128;

/// What stands before the name of a host.
const HOSTS: &[&str] = &[
    " to ",
    " at ",
    " on ",
    " from ",
    " tcp ",
    " host ",
    " with ",
    " via ",
    "upstream ",
];

/// How far a placeholder and a version can reach, in characters.
const FARTHEST: usize = 64;

/// The place after the name of a secret.
pub(super) struct Place<'t> {
    /// The text before the name.
    pub(super) before: &'t str,
    /// The name and what separates it from the rest.
    pub(super) name: &'t str,
    /// Whether white space follows the separator.
    pub(super) spaced: bool,
    /// The text from the value on.
    pub(super) rest: &'t str,
}

/// Whether no value stands there.
pub(super) fn is_no_value(place: &Place<'_>) -> bool {
    let colon = place.name.ends_with(':');
    is_placeholder(place)
        || place.name == "PASS:" && place.before.ends_with("--- ")
        || colon && place.spaced && goes_on(place.before, place.name, place.rest)
        || colon && !place.spaced && (is_port(place) || is_version(place) || is_urn(place))
}

/// Where in `rest` the value stands that an error calls refused: `invalid abc123…`, `unknown value 'abc123…'`. Any other word can be
/// one of the sentence.
pub(super) fn refused(rest: &str) -> Option<Range<usize>> {
    let first = letters_of(rest);
    if !REFUSED.contains(&first) {
        return None;
    }
    if let Some(shown) = shown(rest).or_else(|| in_marks(rest, first.len())) {
        return Some(shown);
    }
    let mut at = first.len();
    for _ in 0..2 {
        let (line, space) = (&rest[at..], |one: char| one == ' ' || one == ':');
        let begin = at + line.find(|one| !space(one)).filter(|begin| *begin > 0)?;
        let around = |one: char| !one.is_ascii_alphanumeric();
        let near = rest[begin..].bytes().take(LONGEST_REFUSED);
        let length = near.take_while(|byte| !byte.is_ascii_whitespace());
        let word = rest.get(begin..begin + length.count())?;
        let value = word.trim_matches(around);
        if is_refused_value(value) {
            let begin = begin + word.find(value)?;
            return Some(begin..begin + value.len());
        }
        at = begin + word.len();
    }
    None
}

/// Where serde shows the value that does not fit, after the way to its field: `password: invalid type: string "…", expected u64`.
fn shown(rest: &str) -> Option<Range<usize>> {
    let begins = ["invalid type: ", "invalid value: ", "unknown variant "];
    let begin = begins.iter().find(|begin| rest.starts_with(**begin))?.len();
    let kind = |byte: u8| byte.is_ascii_lowercase() || byte == b' ';
    let at = begin + value::run(rest.as_bytes(), begin, kind);
    if rest[at..].starts_with(FILTERED) {
        return Some(at..at + FILTERED.len());
    }
    Some(at..value::quoted(rest.as_bytes(), at)?)
}

/// What stands in marks after the first word: `rejected value [hunter2]`, `invalid "hunter2"`.
fn in_marks(rest: &str, at: usize) -> Option<Range<usize>> {
    let bytes = rest.as_bytes();
    let value = " value";
    let at = at
        + if rest[at..].starts_with(value) {
            value.len()
        } else {
            0
        };
    let at = at + value::run(bytes, at, |byte| b" :".contains(&byte));
    match bytes.get(at) {
        Some(b'[') => Some(at..value::balanced(bytes, at)),
        _ => Some(at..value::quoted(bytes, at)?),
    }
}

/// Whether it can be a value that an error shows: it has letters and digits, and is no date.
fn is_refused_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_date = bytes
        .get(..5)
        .is_some_and(|year| year[..4].iter().all(u8::is_ascii_digit) && year[4] == b'-')
        && bytes.get(7) == Some(&b'-');
    value.len() >= SHORTEST_REFUSED
        && !is_date
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+=~-".contains(byte))
}

/// Whether code puts the value there later, or has none: `$1`, `?`, `%s`, `None`, and `:token` for `token`.
fn is_placeholder(place: &Place<'_>) -> bool {
    let word = word(place.rest, &[',', ';', '"', '\'', '\\']);
    // A cast of SQL, and brackets around all of it.
    let word = word.split("::").next().unwrap_or_default();
    if PLACEHOLDERS.contains(&word) {
        return true;
    }
    let word = match word.contains('(') {
        true => word,
        false => word.trim_end_matches(')'),
    };
    let plain = word.trim_end_matches('}');
    PLACEHOLDERS.contains(&word)
        || NOTHING.contains(&plain)
        || is_numbered(word)
        || place.spaced && place.name.ends_with('=') && is_column(place.name, word)
        || named(word).is_some_and(|inner| names_the_same(place.name, inner))
}

/// `$1`, `?1`.
fn is_numbered(word: &str) -> bool {
    let number = word.strip_prefix(['$', '?']).unwrap_or_default();
    (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A column of a join: `ON s.token = t.token`, `ON t.session_id = s.id`.
fn is_column(name: &str, word: &str) -> bool {
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let parts = word.split_once('.');
    parts.is_some_and(|(table, column)| {
        !table.is_empty()
            && plain(table)
            && plain(column)
            && (column == "id" || names_the_same(name, column))
    })
}

/// The name in `:name`, `@name`, `$name`, `{name}`, `${name}` and `%(name)s`.
fn named(word: &str) -> Option<&str> {
    if let Some(inner) = word.strip_prefix("%(") {
        return inner.strip_suffix(")s");
    }
    let inner = word.strip_prefix([':', '@', '$', '{'])?;
    let inner = inner.strip_prefix('{').unwrap_or(inner);
    Some(inner.strip_suffix('}').unwrap_or(inner))
}

/// Whether a placeholder has the name of the secret, or ends with it as `new_password` does. Any other can be the secret.
fn names_the_same(name: &str, placeholder: &str) -> bool {
    let name = trimmed(name);
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let placeholder = placeholder.to_ascii_lowercase();
    let before = placeholder.strip_suffix(&name);
    before.is_some_and(|before| before.is_empty() || before.ends_with(['_', '.']))
}

/// Whether a port follows the name of a host: `http://auth:8080/`, `connect to auth:8080`.
fn is_port(place: &Place<'_>) -> bool {
    let Place {
        before, name, rest, ..
    } = place;
    let host = ["auth", "session"].contains(&trimmed(name));
    let said = host && HOSTS.iter().any(|word| before.ends_with(word));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let next = rest[digits..].chars().next();
    (2..=5).contains(&digits)
        && (before.ends_with("//") || before.ends_with('@') || said)
        && next.is_none_or(|one| one.is_whitespace() || "/),:;.".contains(one))
}

/// Whether the name is a part of one of a resource: `arn:aws:secretsmanager:…:secret:shop/db`,
/// `urn:ietf:params:oauth:token-type:jwt`.
fn is_urn(place: &Place<'_>) -> bool {
    let mut near = place.before.char_indices().rev().take(LONGEST_URN);
    let begin = near.find(|(_, one)| one.is_whitespace() || "\"'`(<[=,".contains(*one));
    let name = match begin {
        Some((at, one)) => &place.before[at + one.len_utf8()..],
        None if place.before.len() < LONGEST_URN => place.before,
        None => "",
    };
    name.starts_with("arn:") || name.starts_with("urn:")
}

/// Whether a version follows the name of an image: `shop/auth:1.2.3`.
fn is_version(place: &Place<'_>) -> bool {
    let version = word(place.rest, &[',', ')', '"', '\'', '`']);
    let short = |part: &str| {
        (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let numbers = version.strip_prefix('v').unwrap_or(version);
    place.before.ends_with('/')
        && version.contains(['.', '-'])
        && numbers.split(['.', '-']).all(short)
}

/// The text up to white space or one of `ends`. It is empty if that is far: to look for it from each name would take too long.
fn word<'t>(text: &'t str, ends: &[char]) -> &'t str {
    let mut near = text.char_indices().take(FARTHEST);
    let end = near.find(|(_, one)| one.is_whitespace() || ends.contains(one));
    match end {
        Some((end, _)) => &text[..end],
        None if text.len() < FARTHEST => text,
        None => "",
    }
}
