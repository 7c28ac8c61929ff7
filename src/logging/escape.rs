//! Writes texts and numbers as JSON has them. Most need no escape, and a float of three decimals needs no search for its digits.

use std::fmt;

/// The largest float that is written by its thousandths.
const LARGEST: f64 = 1e9;

/// Appends what is written as the inside of a text of JSON.
pub(super) struct Inside<'a>(pub(super) &'a mut Vec<u8>);

/// Appends a text.
#[inline]
pub(super) fn push_text(to: &mut Vec<u8>, text: &str) {
    to.reserve(text.len() + 2);
    to.push(b'"');
    push_inside(to, text);
    to.push(b'"');
}

/// Appends a float as `serde_json` does.
pub(super) fn push_float(to: &mut Vec<u8>, float: f64) {
    let thousandths = float * 1e3;
    let whole = thousandths as u64;
    let is_short = float.is_sign_positive() && float < LARGEST && whole as f64 == thousandths;
    // The product is rounded. If the quotient is the same float, then its shortest text has no more than three decimals.
    if !is_short || whole as f64 / 1e3 != float {
        // A number can always be written.
        let _ = serde_json::to_writer(to, &float);
        return;
    }
    let mut digits = [b'0'; 20];
    let (mut rest, mut at) = (whole, digits.len());
    while rest > 0 || at > digits.len() - 4 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let (whole, decimals) = digits[at..].split_at(digits.len() - 3 - at);
    let zeros = decimals[1..]
        .iter()
        .rev()
        .take_while(|digit| **digit == b'0');
    let decimals = &decimals[..decimals.len() - zeros.count()];
    to.extend_from_slice(whole);
    to.push(b'.');
    to.extend_from_slice(decimals);
}

#[inline]
fn push_inside(to: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        to.extend_from_slice(text.as_bytes());
        return;
    }
    let at = to.len();
    // A text can always be written. Its quotation marks are not of the inside.
    let _ = serde_json::to_writer(&mut *to, text);
    to.pop();
    to.remove(at);
}

/// Whether JSON has the text as it is. Eight bytes are looked at together.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let is_plain = |word: u64| {
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quotes = has_zero(word ^ (ONES * u64::from(b'"')));
        controls | quotes | has_zero(word ^ (ONES * u64::from(b'\\'))) == 0
    };
    let Some(last) = text.last_chunk() else {
        let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        return !text.iter().any(escaped);
    };
    let (chunks, _) = text.as_chunks();
    chunks
        .iter()
        .chain([last])
        .all(|chunk| is_plain(u64::from_ne_bytes(*chunk)))
}

// === impl Inside ===

impl fmt::Write for Inside<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_inside(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;

    use super::*;

    #[test]
    fn each_text_is_written_as_json_has_it() {
        let any = || match fastrand::u8(..8) {
            0 => fastrand::char('\0'..'0'),
            1 => fastrand::choice(['"', '\\', '\u{7f}', '\u{80}', '\u{2028}']).unwrap(),
            2 => fastrand::char(..),
            _ => fastrand::alphanumeric(),
        };
        for _ in 0..20_000 {
            let text: String = repeat_with(any).take(fastrand::usize(..40)).collect();
            let mut written = Vec::new();
            push_text(&mut written, &text);
            assert_eq!(written, serde_json::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn each_float_is_written_as_serde_json_writes_it() {
        let special = [
            0.0,
            -0.0,
            0.1,
            1.0,
            -1.0,
            0.001,
            0.0005,
            1e9,
            1e16,
            1e-7,
            0.3,
            0.1 + 0.2,
            999_999_999.999,
            1_000_000_000.001,
            4.35,
            1.005,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let thousandths = || fastrand::u64(..2_000_000_000_000) as f64 / 1e3;
        let small = || fastrand::u64(..100_000) as f64 / 1e3;
        let any = || f64::from_bits(fastrand::u64(..));
        let random = (0..50_000).flat_map(|_| [thousandths(), small(), any(), any().fract()]);
        for float in special.into_iter().chain(random) {
            let mut written = Vec::new();
            push_float(&mut written, float);
            assert_eq!(written, serde_json::to_vec(&float).unwrap(), "{float:?}");
        }
    }
}
