//! Undoes what a text is encoded with: percents, entities of HTML, escapes of JSON and of code, colours of a terminal.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use super::replace::all;

/// White space, and the letter of its escape. To a pattern this letter is a part of the word that follows it.
const ESCAPES: [(char, &str); 6] = [
    ('\n', "n"),
    ('\r', "r"),
    ('\t', "t"),
    ('\x0b', "v"),
    ('\x0c', "f"),
    ('\0', "0"),
];

/// Characters in another form. In the last group are characters without width, and those of ASCII in full width.
static CODED: LazyLock<Regex> = LazyLock::new(coded);

#[expect(
    clippy::expect_used,
    reason = "the pattern stands here, and a test compiles it"
)]
fn coded() -> Regex {
    Regex::new(concat!(
        r"(?i-u:&(?P<entity>quot|apos|amp|lt|gt|equals|colon|commat|nbsp|(?:\#x?[0-9a-f]{1,7}));)",
        r"|\\+(?:u\{(?P<braces>[0-9a-fA-F]{1,6})\}|u(?P<four>[0-9a-fA-F]{4})|x(?P<two>[0-9a-fA-F]{2})|(?P<escape>[nrtvf0]))",
        r"|\x1b\[[0-9;:?]*[A-Za-z]|(?P<one>[\x{200B}-\x{200D}\x{2060}\x{FEFF}\x{FF01}-\x{FF5E}])",
    ))
    .expect("a pattern of ours")
}

/// The text with one level of encoding less, if it has any.
pub(super) fn plain(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let plain = match all(&CODED, &decoded, character) {
        Cow::Owned(plain) => plain,
        Cow::Borrowed(_) => decoded.into_owned(),
    };
    (plain != text).then_some(plain)
}

/// The text with escapes for the white space that `before` had only as escapes: a text of one line stays one.
pub(super) fn escaped(text: String, before: &str) -> String {
    let added = ESCAPES
        .iter()
        .filter(|(space, _)| text.contains(*space) && !before.contains(*space));
    let added: Vec<_> = added.collect();
    added.iter().fold(text, |text, (space, letter)| {
        text.replace(*space, &format!("\\{letter}"))
    })
}

/// The character that is coded. What is none stays.
fn character(found: &Captures<'_>) -> String {
    let group = |name: &str| found.name(name).map(|group| group.as_str());
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok();
    if let Some(entity) = group("entity") {
        let one = named(entity).or_else(|| {
            let code = entity.strip_prefix('#')?;
            let code = match code.strip_prefix(['x', 'X']) {
                Some(digits) => hex(digits),
                None => code.parse().ok(),
            };
            char::from_u32(code?)
        });
        return one.map_or_else(|| found[0].to_owned(), String::from);
    }
    if let Some(digits) = group("braces")
        .or_else(|| group("four"))
        .or_else(|| group("two"))
    {
        let one = hex(digits).and_then(char::from_u32);
        return one.map_or_else(|| found[0].to_owned(), String::from);
    }
    if let Some(letter) = group("escape") {
        let escape = ESCAPES.iter().find(|(_, escape)| *escape == letter);
        return escape.map_or_else(|| found[0].to_owned(), |(space, _)| String::from(*space));
    }
    let wide = group("one").and_then(|one| one.chars().next());
    let ascii = wide.and_then(|one| char::from_u32(u32::from(one).checked_sub(0xFEE0)?));
    ascii
        .filter(char::is_ascii)
        .map(String::from)
        .unwrap_or_default()
}

fn named(entity: &str) -> Option<char> {
    Some(match entity.to_ascii_lowercase().as_str() {
        "quot" => '"',
        "apos" => '\'',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "equals" => '=',
        "colon" => ':',
        "commat" => '@',
        "nbsp" => ' ',
        _ => return None,
    })
}
