//! Makes texts fit to be shown: in one line or in lines, no longer than asked, without what a program obeys.

use std::mem;

use crate::text::is_obeyed;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// The text in one line, without space at its ends. What is space, ends a line or is obeyed becomes one space.
pub(super) fn one_line(text: &str) -> impl Iterator<Item = char> {
    let (mut begun, mut gap) = (false, false);
    text.chars().flat_map(move |one| {
        let shown = if one.is_whitespace() || one.is_control() || is_obeyed(one) {
            gap = begun;
            [None, None]
        } else {
            begun = true;
            [mem::take(&mut gap).then_some(' '), Some(one)]
        };
        shown.into_iter().flatten()
    })
}

/// The text in its lines, without space at its ends. Every end of a line becomes `\n`, and what is obeyed becomes a space.
pub(super) fn lines(text: &str) -> impl Iterator<Item = char> {
    let mut after_return = false;
    text.trim().chars().filter_map(move |one| {
        let second_half = mem::replace(&mut after_return, one == '\r') && one == '\n';
        let shown = match one {
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            _ if one.is_control() || is_obeyed(one) => ' ',
            _ => one,
        };
        (!second_half).then_some(shown)
    })
}

/// As much of the text as fits, by the sizes of its characters. A text that is cut ends with an ellipsis, which also fits.
///
/// It reads no more of the text than it keeps.
pub(super) fn fit(
    text: impl Iterator<Item = char>,
    limit: usize,
    size: impl Fn(char) -> usize,
) -> String {
    let (mut kept, mut used) = (String::new(), 0);
    // Up to where an ellipsis fits behind the text.
    let mut end = (size(CUT) <= limit).then_some(0);
    for one in text {
        used += size(one);
        if used > limit {
            kept.truncate(end.unwrap_or(0));
            kept.extend(end.map(|_| CUT));
            return kept;
        }
        kept.push(one);
        if used + size(CUT) <= limit {
            end = Some(kept.len());
        }
    }
    kept
}

/// The text in one line of at most `limit` characters. A character outside the first 65,536 counts twice, as most services count.
pub(super) fn line(text: &str, limit: usize) -> String {
    fit(one_line(text), limit, char::len_utf16)
}

/// The text in its lines, at most `limit` bytes of it.
pub(super) fn bytes(text: &str, limit: usize) -> String {
    fit(lines(text), limit, char::len_utf8)
}

/// The address, if it leads to a web page and cannot end where it is quoted.
pub(super) fn link(address: &str, limit: usize) -> Option<&str> {
    let is_web = ["https://", "http://"].iter().any(|scheme| {
        let rest = address.strip_prefix(scheme);
        rest.is_some_and(|rest| !rest.is_empty())
    });
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#"<>"'`\^{|}"#.contains(&byte);
    (is_web && address.len() <= limit && address.bytes().all(is_plain)).then_some(address)
}

/// The text as HTML shows it, in a page and in an attribute.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(one),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_one_line() {
        let text = " \ta\r\n\u{202e}b\u{2028}c      d\u{0}\u{85}e\u{2066}\n";
        assert_eq!(line(text, 100), "a b c d e");
        assert_eq!(line("\n\u{202e}", 100), "");
        let shown: String = one_line(&('\0'..=char::MAX).collect::<String>()).collect();
        assert!(!shown.chars().any(|one| one.is_control() || is_obeyed(one)));
    }

    #[test]
    fn lines_stay_lines() {
        let text = "\na\r\nb\rc\n\nd\u{2029}e\tf\u{202e}g\u{7}h\n";
        assert_eq!(bytes(text, 100), "a\nb\nc\n\nd\ne f g h");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(line("abcd", 4), "abcd");
        assert_eq!(line("abcde", 4), "abc…");
        // Two each.
        assert_eq!(line("😀😀", 4), "😀😀");
        assert_eq!(line("😀😀😀", 5), "😀😀…");
        assert_eq!(line("😀😀😀", 4), "😀…");
        // Four bytes each, and three for the ellipsis.
        assert_eq!(bytes("😀😀", 8), "😀😀");
        assert_eq!(bytes("😀😀😀", 8), "😀…");
        assert_eq!(bytes("😀😀😀", 6), "…");
        assert_eq!(bytes("😀", 2), "");
        for limit in 3..40 {
            let text: String = std::iter::repeat_with(|| fastrand::char('a'..))
                .take(20)
                .collect();
            assert!(bytes(&text, limit).len() <= limit);
            assert!(line(&text, limit).encode_utf16().count() <= limit);
        }
    }

    #[test]
    fn a_link_cannot_end_where_it_is_quoted() {
        let plain = "https://wiki.example.com/errors?a=1&b=%3E#c";
        assert_eq!(link(plain, 100), Some(plain));
        assert_eq!(link(plain, plain.len()), Some(plain));
        assert_eq!(link(plain, plain.len() - 1), None);
        for wrong in [
            "",
            "https://",
            "javascript:alert(1)",
            "mailto:a@example.com",
            "file:///etc/passwd",
            "https://a.example|click",
            "https://a.example>",
            "https://a.example/\"onclick=",
            "https://a.example/a b",
            "https://a.example/\n",
            "https://ä.example",
            "see https://a.example",
        ] {
            assert_eq!(link(wrong, 100), None, "{wrong}");
        }
    }

    #[test]
    fn html_shows_text_as_it_is() {
        let text = r#"</script><a href='x' title="y">&amp;"#;
        let shown = "&lt;/script&gt;&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;";
        assert_eq!(html(text), shown);
    }
}
