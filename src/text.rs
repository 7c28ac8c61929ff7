//! Writes text and numbers as logs, reports and terminals may show them.

use std::{borrow::Cow, time::Duration};

/// The most bytes of a path that a log line or a report shows.
const LONGEST_PATH: usize = 256;

/// Milliseconds with three decimals.
pub(crate) fn millis(duration: Duration) -> f64 {
    let micros = duration.as_micros();
    // A float is made of 64 bits by one instruction, and of 128 by a hundred.
    let micros = u64::try_from(micros).map_or(micros as f64, |micros| micros as f64);
    micros / 1e3
}

/// The bytes in whole megabytes, rounded up.
pub(crate) fn megabytes(bytes: usize) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// The path, escaped as [`push_printable`] does it and cut after 256 bytes; borrowed if nothing changes.
pub(crate) fn printable_path(path: &str) -> Cow<'_, str> {
    match is_shown_as_it_is(path, LONGEST_PATH) {
        true => Cow::Borrowed(path),
        false => Cow::Owned(printable(path, LONGEST_PATH)),
    }
}

/// `text`, escaped as [`push_printable`] does it and cut after `limit` bytes.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let mut kept = String::new();
    push_printable(&mut kept, text, limit);
    kept
}

/// As [`printable`], without the word at the end if the text is cut: it is scrubbed later, and must not end within a secret.
/// Borrowed if nothing changes.
pub(crate) fn printable_words(text: &str, limit: usize) -> Cow<'_, str> {
    if is_shown_as_it_is(text, limit) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    if !push_printable(&mut kept, text, limit) {
        end_at_word(&mut kept);
    }
    Cow::Owned(kept)
}

/// Whether the text is short enough, and has nothing that is escaped.
fn is_shown_as_it_is(text: &str, limit: usize) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    text.len() <= limit && text.bytes().all(plain)
}

/// Whether a terminal shows the character and does nothing else.
pub(crate) fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~') || character.is_alphanumeric()
}

/// Whether a terminal or a page obeys the character: control characters but the tab, ends of lines, and marks that change the
/// direction of a line.
pub(crate) fn is_obeyed(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Appends `text` until `kept` has `limit` bytes. If the rest does not fit, appends an ellipsis and returns `false`.
///
/// Letters and digits of any script and printable ASCII stay as they are. Everything else is escaped, the backslash too:
/// control characters, marks that change the direction of a line, and characters that nobody sees.
pub(crate) fn push_printable(kept: &mut String, text: &str, limit: usize) -> bool {
    for character in text.chars() {
        let before = kept.len();
        match character {
            '\\' => kept.push_str(r"\\"),
            _ if is_printable(character) => kept.push(character),
            _ => kept.extend(character.escape_default()),
        }
        if kept.len() > limit {
            kept.truncate(before);
            if !kept.ends_with('…') {
                kept.push('…');
            }
            return false;
        }
    }
    true
}

/// `text`, cut after `limit` bytes and with an ellipsis if it is longer.
pub(crate) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    Cow::Owned(format!("{}\u{2026}", &text[..end.unwrap_or(0)]))
}

/// Removes the word at the end of a text that was cut there, and appends an ellipsis: half a secret is not recognised as one.
pub(crate) fn end_at_word(text: &mut String) {
    let end = text.rfind(char::is_whitespace).unwrap_or(0);
    // The groups of a card number stand apart.
    let in_number =
        |one: char| one.is_whitespace() || one.is_ascii_digit() || "-./_+".contains(one);
    text.truncate(text[..end].trim_end_matches(in_number).len());
    text.push('\u{2026}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_cut() {
        let path = format!("/{}", "a".repeat(60_000));
        let text = printable_path(&path);
        assert_eq!(text.chars().count(), LONGEST_PATH + 1);
        assert!(text.ends_with('…'));
        let mut text = text.into_owned();
        assert!(!push_printable(&mut text, "more", LONGEST_PATH));
        assert_eq!(text.chars().count(), LONGEST_PATH + 1);
    }

    #[test]
    fn an_escaped_text_differs_from_a_text_that_looks_escaped() {
        assert_eq!(printable_path("/a\n"), r"/a\n");
        assert_eq!(printable_path(r"/a\n"), r"/a\\n");
    }

    #[test]
    fn a_logged_path_holds_nothing_that_a_terminal_obeys() {
        let every = ('\0'..=char::MAX).map(String::from);
        let any = || fastrand::char(..);
        let texts = std::iter::repeat_with(|| {
            let length = fastrand::usize(..LONGEST_PATH);
            std::iter::repeat_with(any).take(length).collect()
        });
        for path in every.chain(texts.take(200)) {
            let text = printable_path(&path);
            let text = text.strip_suffix('…').unwrap_or(&text);
            let plain = |c: char| (' '..='~').contains(&c) || c.is_alphanumeric();
            assert!(text.chars().all(plain), "{path:?}");
            assert!(text.len() <= LONGEST_PATH, "{path:?}");
        }
    }
}
