//! Finds the value that stands in one object with the name of a secret, whatever stands between and in whatever order:
//! `{"key": "token", "type": "text", "value": "…"}`, `- name: DB_PASSWORD` and `value: …` in the line below.

use std::{borrow::Cow, ops::Range};

use regex::Regex;

use super::{counts, names, pairs, replace::each_value, value};

/// How far after the name its value may stand, in bytes. Both limits keep the time in proportion to the text.
const FARTHEST: usize = 512;

/// How far before the name its value may begin, in bytes.
const FARTHEST_BACK: usize = 256;

/// The most fields and words that are read of an object.
const MOST_FIELDS: usize = 16;

/// The most places before a name that are tried as the beginning of its object.
const MOST_BEGINNINGS: usize = 4;

/// The longest name of a secret or of a field, in bytes.
const LONGEST_NAME: usize = 64;

/// The field that holds a name: `name: `, `"key": `, `header_name=`.
pub(super) struct Objects(Regex);

/// The text of a field that holds a name.
struct Named<'t> {
    name: &'t str,
    end: usize,
    /// Whether it has quotation marks.
    marked: bool,
}

/// A field of an object.
struct Field<'t> {
    key: &'t str,
    /// Where its value begins.
    value: usize,
}

// === impl Objects ===

impl Objects {
    pub(super) fn new(regex: impl Fn(&str) -> Regex) -> Self {
        let names = pairs::NAMES.join("|");
        Self(regex(&format!(
            r#"(?i-u:(?:{names})s?|path|\bloc|\bk)\\*["'`]?\s*(?:=>|[:=])\s*"#
        )))
    }

    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        each_value(&self.0, text, |found| {
            let named = Named::at(text, found.end(), keys)?;
            let key = beginning(text.as_bytes(), found.start());
            // Of a way to a field only the last part is its name.
            let name = named.name.rsplit('/').next().unwrap_or_default();
            let is_secret = names::is_secret(name, keys) || is_of_cookie(text, key);
            let value = || after(text, &named).or_else(|| before(text, key));
            let value = is_secret.then(value)??;
            (!counts::is_count(named.name, &text[value.clone()], keys)).then_some(value)
        })
    }
}

// === impl Named ===

impl<'t> Named<'t> {
    /// The name that begins at `at`, also in calls as in `Key(Static("password"))`. Of a list it is the one that is secret:
    /// `["user", "password"]`.
    fn at(text: &'t str, at: usize, keys: &[String]) -> Option<Self> {
        let near = near(text, at, LONGEST_NAME * 2);
        let bytes = near.as_bytes();
        let (mut begin, mut calls) = (at, 0);
        loop {
            let word = value::run(bytes, begin, |byte| byte.is_ascii_alphanumeric());
            if word == 0 || bytes.get(begin + word) != Some(&b'(') {
                break;
            }
            begin = blanks(bytes, begin + word + 1);
            calls += 1;
        }
        // A text of bytes: `b"password"`.
        if bytes.get(begin) == Some(&b'b') && value::Quote::at(bytes, begin + 1).is_some() {
            begin += 1;
        }
        let (name, end, marked) = if matches!(bytes.get(begin), Some(b'(' | b'[')) {
            let end = value::balanced(bytes, begin);
            let inside = near[begin..end].trim_end_matches(|one: char| !one.is_alphanumeric());
            // A row has the names of several columns.
            let mut names = inside.rsplit(['"', '\'', '`', ',', ' ', '(', '[', '\\']);
            let last = names.next()?;
            let secret = names.find(|name| names::is_secret(name, keys));
            (secret.unwrap_or(last), end, true)
        } else if let Some((quote, content)) = value::Quote::at(bytes, begin) {
            let (end, close) = quote.close(bytes, content);
            (&near[content..end], close, true)
        } else {
            let word = value::run(bytes, begin, is_of_name);
            let end = begin + word;
            let ended = bytes
                .get(end)
                .is_none_or(|byte| byte.is_ascii_whitespace() || b",;})\\".contains(byte));
            (ended.then(|| &near[begin..end])?, end, false)
        };
        let is_name =
            (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(char::is_whitespace);
        let closed = value::run(bytes, end, |byte| {
            byte == b')' || byte == b',' || byte.is_ascii_whitespace()
        });
        let end = if calls > 0 { end + closed } else { end };
        is_name.then_some(Self { name, end, marked })
    }
}

// === impl Field ===

impl<'t> Field<'t> {
    /// The field that begins at `at`.
    fn at(text: &'t str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let quote = value::Quote::at(bytes, at);
        let begin = quote.map_or(at, |(_, content)| content);
        let end = begin + value::run(bytes, begin, is_of_name);
        let mut at = end;
        if quote.is_some() {
            at += value::run(bytes, at, |byte| byte == b'\\');
            at += usize::from(matches!(bytes.get(at), Some(b'"' | b'\'' | b'`')));
        }
        at += value::run(bytes, at, |byte| byte == b' ');
        let separator = match bytes.get(at..)? {
            [b'=', b'>', ..] => 2,
            [b':' | b'=', next, ..] if !b":=".contains(next) => 1,
            _ => return None,
        };
        let value = blanks(bytes, at + separator);
        let key = &text[begin..end];
        let fits = (1..=LONGEST_NAME).contains(&key.len()) && value < text.len();
        fits.then_some(Self { key, value })
    }

    /// Whether it holds the value of a name. A name without marks can be one of a log line, and the other fields any.
    fn is_value(&self, marked: bool) -> bool {
        match marked {
            true => pairs::is_value(self.key),
            false => pairs::is_called_value(self.key),
        }
    }
}

/// The value that follows a name in its object.
fn after(text: &str, named: &Named<'_>) -> Option<Range<usize>> {
    let near = near(text, named.end, FARTHEST);
    let mut at = named.end;
    for _ in 0..MOST_FIELDS {
        at = next(near.as_bytes(), at);
        if is_end(near.as_bytes(), at) {
            return None;
        }
        match Field::at(near, at) {
            Some(field) if field.is_value(named.marked) => {
                return Some(field.value..value::end(text, field.value));
            }
            Some(field) => at = skipped(near.as_bytes(), field.value),
            None => at = skipped(near.as_bytes(), at),
        }
    }
    None
}

/// The value that stands before the field that begins at `key`. Where its object begins is not known: the nearest places are
/// tried.
fn before(text: &str, key: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = key.saturating_sub(FARTHEST_BACK);
    let begins = |at: &usize| *at == 0 || b"{([<\n".contains(&bytes[*at - 1]);
    let beginnings = (first..key).rev().filter(begins).take(MOST_BEGINNINGS);
    let values = beginnings.map(|begin| value_between(&text[..key], begin, key));
    values.flatten().next()
}

/// The value of the fields that begin at `begin` and end exactly where the name of the secret begins.
fn value_between(text: &str, begin: usize, key: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut value = None;
    let mut at = begin + value::run(bytes, begin, |byte| b" -".contains(&byte));
    for _ in 0..MOST_FIELDS {
        at = next(bytes, at);
        if is_end(bytes, at) {
            return value.filter(|_| at >= key);
        }
        match Field::at(text, at) {
            Some(field) => {
                at = skipped(bytes, field.value);
                // Figment shows what it refused in the kind of its error.
                let refused = field.key == "kind" && text[field.value..at].contains("(Str(");
                if field.is_value(true) || refused {
                    value = Some(field.value..at);
                }
            }
            None => at = skipped(bytes, at),
        }
    }
    None
}

/// Where the next field or word begins, or the object ends.
fn next(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        let slashes = value::run(bytes, at, |byte| byte == b'\\');
        match bytes.get(at + slashes) {
            Some(b',' | b';') if slashes == 0 => at += 1,
            Some(byte) if slashes == 0 && byte.is_ascii_whitespace() => at += 1,
            Some(b'n' | b'r' | b't') if slashes > 0 => at += slashes + 1,
            _ => return at,
        }
    }
}

/// Whether the object ends, or the next one of a list begins.
fn is_end(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    matches!(
        rest,
        [] | [b'}' | b')' | b']' | b'>', ..] | [b'-', b' ', ..]
    )
}

/// The end of a value or of a word.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let word = value::run(bytes, at, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_'
    });
    if matches!(bytes.get(at + word), Some(b'(' | b'[' | b'{')) {
        return value::balanced(bytes, at + word);
    }
    if let Some(end) = value::quoted(bytes, at) {
        return end;
    }
    let inside = |byte: u8| !byte.is_ascii_whitespace() && !b",;}])\\\"".contains(&byte);
    at + value::run(bytes, at, inside).max(1)
}

/// Where the name of a field begins of which a part stands at `at`.
fn beginning(bytes: &[u8], at: usize) -> usize {
    let back = |at: usize, alike: fn(u8) -> bool| {
        let before = bytes[..at].iter().rev().take(LONGEST_NAME);
        at - before.take_while(|byte| alike(**byte)).count()
    };
    let begin = back(at, is_of_name);
    match bytes[..begin].last() {
        Some(b'"' | b'\'' | b'`') => back(begin - 1, |byte| byte == b'\\'),
        _ => begin,
    }
}

/// Whether the field is one of a `Cookie`, whose name can be any.
fn is_of_cookie(text: &str, key: usize) -> bool {
    let bytes = text.as_bytes();
    let near = &bytes[key.saturating_sub(LONGEST_NAME)..key];
    near.windows(8).any(|window| window == b"Cookie {")
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    at + value::run(bytes, at, |byte| byte.is_ascii_whitespace())
}

/// The text up to `length` bytes after `at`.
fn near(text: &str, at: usize, length: usize) -> &str {
    let mut end = text.len().min(at + length);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
