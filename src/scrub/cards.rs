//! Finds card numbers in a text, and leaves ids alone.

use std::borrow::Cow;

use super::FILTERED;

/// The text without card numbers. A card number has 13 to 19 digits, together or in groups of at least three, begins with
/// the digit of an existing network, and has the right check digit.
pub(super) fn without_cards(text: &str) -> Cow<'_, str> {
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
    let mut number = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) {
        if let Some(end) = id_around(bytes, start) {
            at = end;
            continue;
        }
        let first = group(start);
        at = start + first;
        number.clear();
        let (mut begin, mut end) = (start, at);
        let mut card = None;
        while number.len() + (end - begin) <= LONGEST {
            number.extend_from_slice(&bytes[begin..end]);
            if number.len() >= SHORTEST && is_card(&number) {
                card = Some(end);
            }
            let next = end + separators(&text[end..]);
            let length = group(next);
            if next == end || length < 3 || first < 3 {
                break;
            }
            (begin, end) = (next, next + length);
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

/// The bytes between two groups of a number: at most three separators.
fn separators(text: &str) -> usize {
    let mut end = 0;
    for _ in 0..3 {
        end += separator(&text[end..])
            .or_else(|| escaped(&text[end..]))
            .unwrap_or(0);
    }
    end
}

/// The length of a separator. Any white space and any hyphen is one.
fn separator(text: &str) -> Option<usize> {
    let one = text.chars().next()?;
    let separates = one.is_whitespace()
        || matches!(
            one,
            '-' | '.' | '/' | '_' | '+' | '\u{200B}' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        );
    separates.then(|| one.len_utf8())
}

/// The length of a separator as `Debug` and JSON print it: `\t`, `\n`, `\u{2009}`, with more backslashes in a text within a text.
fn escaped(text: &str) -> Option<usize> {
    const MOST: usize = 8;
    let slashes = text
        .bytes()
        .take(MOST)
        .take_while(|byte| *byte == b'\\')
        .count();
    let escape = &text[slashes..];
    let length = match escape.as_bytes() {
        _ if slashes == 0 => return None,
        [b't' | b'n' | b'r', ..] => 1,
        [b'u', b'{', code @ ..] => 3 + code.iter().take(MOST).position(|byte| *byte == b'}')?,
        [b'u', code @ ..] if code.len() >= 4 => 5,
        [b'x', code @ ..] if code.len() >= 2 => 3,
        _ => return None,
    };
    escape.is_char_boundary(length).then_some(slashes + length)
}

/// The end of a UUID or of an id of 16 or 32 hexadecimal digits around the digit at `at`. Its digits are not a card number.
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
    let alone = !joined(bytes, start.checked_sub(1)) && !joined(bytes, start.checked_add(run));
    if matches!(run, 16 | 32) && letters && (alone || bytes[..start].ends_with(b"0x")) {
        return Some(start + run);
    }
    let uuid = bytes.get(start..start + 36)?;
    let shaped = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (uuid.iter().enumerate().all(shaped) && !is_hex(start + 36)).then_some(start + 36)
}

/// Whether a letter or a digit stands there.
fn joined(bytes: &[u8], at: Option<usize>) -> bool {
    at.and_then(|at| bytes.get(at))
        .is_some_and(u8::is_ascii_alphanumeric)
}

/// Luhn's check.
fn is_card(number: &[u8]) -> bool {
    let digits = number.iter().rev().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit,
            _ => digit * 2 % 10 + digit / 5,
        })
        .sum();
    matches!(number.first(), Some(b'2'..=b'6')) && sum.is_multiple_of(10)
}
