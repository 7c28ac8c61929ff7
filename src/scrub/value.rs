//! Finds where a value ends that code printed, whatever the language that printed it.

use super::FILTERED;

/// A quotation mark with the backslashes before it: JSON inside JSON has one or more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    slashes: usize,
    mark: u8,
}

/// The letters that languages put before a quotation mark: `b"…"`, `r#"…"`, `@"…"`, `&"…"`.
const PREFIXES: &[&str] = &[
    "b", "B", "r", "R", "u", "U", "f", "F", "L", "c", "N", "E", "br", "rb", "cr", "u8", "@", "$",
    "@$", "$@", "&", "~c", "~s", "~C", "~S",
];

/// How far the `>` may be that closes a value in angle brackets, and the bracket that follows the name of a type. It keeps the
/// time in proportion to the text.
const FARTHEST: usize = 512;

// === impl Quote ===

impl Quote {
    /// The quotation mark that begins at `at`, and where it ends.
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<(Self, usize)> {
        let slashes = run(bytes, at, |byte| byte == b'\\');
        let mark = *bytes.get(at + slashes)?;
        let quote = Self { slashes, mark };
        matches!(mark, b'"' | b'\'' | b'`').then_some((quote, at + slashes + 1))
    }

    /// The quotation mark that ends right before `at`.
    pub(super) fn before(bytes: &[u8], at: usize) -> Option<Self> {
        let mark = at.checked_sub(1)?;
        let slashes = bytes[..mark].iter().rev();
        let slashes = slashes.take_while(|byte| **byte == b'\\').count();
        Self::at(bytes, mark - slashes).map(|(quote, _)| quote)
    }

    /// Where the quoted text that begins at `at` ends, and where its closing mark ends. Without one it goes to the end.
    pub(super) fn close(self, bytes: &[u8], at: usize) -> (usize, usize) {
        let Self { slashes, mark } = self;
        if slashes == 0 && bytes[at..].starts_with(&[mark; 2]) {
            return triple(bytes, at + 2, mark);
        }
        let mut at = at;
        while at < bytes.len() {
            let escapes = run(bytes, at, |byte| byte == b'\\');
            let end = at + escapes;
            if bytes.get(end) == Some(&mark) {
                // The mark of a text around this one.
                if escapes < slashes {
                    return (at, at);
                }
                let escaped = (escapes - slashes) / (slashes + 1) % 2 == 1;
                // SQL and CSV double a mark.
                let doubled = slashes == 0 && escapes == 0 && bytes.get(end + 1) == Some(&mark);
                if !escaped && !doubled {
                    return (end - slashes, end + 1);
                }
                at = end + 1 + usize::from(doubled);
            } else {
                at = end + 1;
            }
        }
        (bytes.len(), bytes.len())
    }
}

/// The end of a text in three marks, as TOML and Python have it.
fn triple(bytes: &[u8], at: usize, mark: u8) -> (usize, usize) {
    let found = bytes[at..].windows(3).position(|three| three == [mark; 3]);
    match found {
        Some(found) => (at + found, at + found + 3),
        None => (bytes.len(), bytes.len()),
    }
}

/// The end of the value that begins at `at`. Nothing is a value that ends where it begins.
pub(super) fn end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    if text[at..].starts_with(FILTERED) {
        return at + FILTERED.len();
    }
    if let Some(end) = indented(bytes, at) {
        return end;
    }
    if let Some(end) = quoted(bytes, at) {
        return joined(bytes, end);
    }
    if let Some(value) = tagged(bytes, at) {
        return end(text, value);
    }
    let Some(end) = constructed(text, at) else {
        return bare(text, at);
    };
    // PHP prints `string(8) "…"`.
    const STRING: &[u8] = b"string(";
    let name = bytes.get(at..at + STRING.len());
    let is_string = name.is_some_and(|name| name.eq_ignore_ascii_case(STRING));
    if bytes.get(end) == Some(&b' ') && is_string {
        return quoted(bytes, end + 1).unwrap_or(end);
    }
    rest(text, end)
}

/// The end of brackets, with the name of their type before them and more brackets after them, as languages print values:
/// `Secret(…)`, `&main.Login{…}`, `[]string{…}`, `Set(2) { … }`, `object(Login)#2 (1) { … }`. Nothing if there is no bracket.
fn constructed(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_:.<>&*#%~".contains(&byte);
    let mut begin = at;
    let mut end = None;
    loop {
        let near = &bytes[begin..bytes.len().min(begin + FARTHEST)];
        let name = begin + run(near, 0, of_name);
        let head = &bytes[begin..name];
        let typed = head.iter().any(u8::is_ascii_uppercase);
        let bracket = match &bytes[name..] {
            [b'(' | b'{', ..] => name,
            [b'[', ..] if typed || head.is_empty() || head == b"map" => name,
            [b' ', b'{', ..] if typed => name + 1,
            [b' ', b'(', ..] if head.starts_with(b"#") => name + 1,
            [b' ', b'{' | b'[', ..] if end.is_some_and(|end| is_of_size(&bytes[at..end])) => {
                name + 1
            }
            _ => match listed(bytes, name) {
                Some(bracket) => bracket,
                None => return end,
            },
        };
        begin = balanced(bytes, bracket);
        end = Some(begin);
    }
}

/// Whether brackets follow that hold the content: after a number of elements, `Set(2)`, and `[Object: null prototype]`.
fn is_of_size(value: &[u8]) -> bool {
    let inside = value.strip_suffix(b")").unwrap_or_default();
    let digits = inside.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    digits > 0 && inside[..inside.len() - digits].ends_with(b"(") || value.ends_with(b" prototype]")
}

/// Where the bracket is that PHP prints after `Array` and `Login Object`, also in the next line.
fn listed(bytes: &[u8], name: usize) -> Option<usize> {
    let object = b" Object";
    let end = name + object.len() * usize::from(bytes[name..].starts_with(object));
    let is_list = end > name || bytes[..name].ends_with(b"Array");
    let bracket = gap(bytes, end);
    (is_list && bracket > end && bytes.get(bracket) == Some(&b'(')).then_some(bracket)
}

/// The end of white space, also of escaped one.
fn gap(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        at += run(bytes, at, |byte| byte.is_ascii_whitespace());
        let slashes = run(bytes, at, |byte| byte == b'\\');
        match bytes.get(at + slashes) {
            Some(b'n' | b'r' | b't') if slashes > 0 => at += slashes + 1,
            _ => return at,
        }
    }
}

/// The end of a text that goes on in the next line: `'…' +`.
fn joined(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while bytes[at..].starts_with(b" +") {
        let line = at + 2;
        let begin = gap(bytes, line);
        match quoted(bytes, begin) {
            Some(end) if begin > line => at = end,
            _ => break,
        }
    }
    at
}

/// Where the value begins after a tag or an anchor of YAML: `!vault …`, `&main …`.
fn tagged(bytes: &[u8], at: usize) -> Option<usize> {
    let mark = run(bytes, at, |byte| byte == b'!').max(usize::from(bytes.get(at) == Some(&b'&')));
    let name = at + mark;
    let blank = name
        + run(bytes, name, |byte| {
            byte.is_ascii_alphanumeric() || b"_-/.:".contains(&byte)
        });
    let value = blank + run(bytes, blank, |byte| byte == b' ');
    let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'\'');
    (mark > 0 && blank > name && value > blank && bytes.get(value).is_some_and(is_value))
        .then_some(value)
}

/// The end of the last argument, if others follow the one from `at` to `end`: `Credentials("…", "…")`.
pub(super) fn last_argument(text: &str, at: usize, end: usize) -> usize {
    let more = text[end..].trim_start().starts_with(',');
    let Some(open) = at.checked_sub(1).filter(|_| more) else {
        return end;
    };
    let near = &text.as_bytes()[..text.len().min(open + FARTHEST)];
    let close = balanced(near, open);
    match near[..close].ends_with(b")") {
        // The bracket can stand within a long argument.
        true => end.max(close - 1),
        false => end,
    }
}

/// The end of a value in quotation marks, with the letters of a language before them.
pub(super) fn quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let word = run(bytes, at, |byte| {
        byte.is_ascii_alphanumeric() || b"@$&~".contains(&byte)
    });
    let known = |prefix: &&str| prefix.as_bytes() == &bytes[at..at + word];
    if word > 0 && !PREFIXES.iter().any(known) {
        return None;
    }
    let hashes = run(bytes, at + word, |byte| byte == b'#');
    let (quote, content) = Quote::at(bytes, at + word + hashes)?;
    let (_, end) = quote.close(bytes, content);
    Some(end + run(bytes, end, |byte| byte == b'#').min(hashes))
}

/// The end of a value that begins with a bracket, over all brackets within it. Without a closing one it goes to the end.
pub(super) fn balanced(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while at < bytes.len() {
        // An apostrophe in a word opens nothing.
        let in_word = at > 0 && bytes[at - 1].is_ascii_alphanumeric() && bytes[at] == b'\'';
        if !in_word && let Some((quote, content)) = Quote::at(bytes, at) {
            at = quote.close(bytes, content).1.max(content);
            continue;
        }
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Backslashes without a mark are skipped at once: else each would be followed to the last.
        at += run(bytes, at, |byte| byte == b'\\').max(1);
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The end of a value without quotation marks.
fn bare(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    // `<Secret value='…'>` of Python, `#<Secret …>` of Ruby.
    if matches!(&bytes[at..], [b'<', ..] | [b'#', b'<', ..]) {
        let near = &bytes[at..bytes.len().min(at + FARTHEST)];
        let end = at + run(near, 0, |byte| !matches!(byte, b'>' | b'\r' | b'\n'));
        if bytes.get(end) == Some(&b'>') {
            return end + run(bytes, end, |byte| byte == b'>');
        }
    }
    // A mark or a bracket within a word closes nothing: `aB3}x9`.
    let in_word = |end: usize| {
        !text[at..end].ends_with([',', ';', ':', '(', '[', '{'])
            && text[end + 1..].starts_with(char::is_alphanumeric)
    };
    let stops = |(end, one): &(usize, char)| {
        one.is_whitespace() || matches!(one, '"' | '\'' | '}' | ']') && !in_word(at + end)
    };
    let end = text[at..].char_indices().find(stops);
    let end = end.map_or(text.len(), |(end, _)| at + end);
    // The backslashes of a mark that closes a text around this value.
    if matches!(bytes.get(end), Some(b'"' | b'\'')) {
        let slashes = bytes[at..end].iter().rev();
        return end - slashes.take_while(|byte| **byte == b'\\').count();
    }
    end
}

/// The end of a phrase without quotation marks: words of letters, up to one that names another value.
pub(super) fn phrase(bytes: &[u8], at: usize) -> usize {
    const MOST_WORDS: usize = 24;
    let word = |at: usize| at + run(bytes, at, |byte| byte.is_ascii_alphabetic());
    let mut end = word(at);
    for _ in 1..MOST_WORDS {
        let next = word(end + 1);
        let goes_on = bytes.get(end) == Some(&b' ') && next > end + 1;
        if !goes_on || matches!(bytes.get(next), Some(b'=' | b':')) {
            break;
        }
        end = next;
    }
    end
}

/// The end of what follows a bracket without a space: `ab(c)d` is one value.
fn rest(text: &str, at: usize) -> usize {
    let separate = |byte: &u8| b",;:.)]}>\\/".contains(byte);
    match text.as_bytes().get(at) {
        Some(byte) if !separate(byte) => bare(text, at),
        _ => at,
    }
}

/// The end of a block of YAML, `|` and lines with a greater indentation, or of a list of lines with `- `.
fn indented(bytes: &[u8], at: usize) -> Option<usize> {
    let mark = run(bytes, at, |byte| b"|>-+0123456789".contains(&byte));
    let block = matches!(bytes.get(at), Some(b'|' | b'>'));
    let list = bytes.get(at) == Some(&b'-') && mark == 1;
    let ended = matches!(bytes.get(at + mark), Some(b'\n' | b'\r'));
    if !(block && ended || list && bytes.get(at + 1) == Some(&b' ')) {
        return None;
    }
    let line_end = |at: usize| at + run(bytes, at, |byte| byte != b'\n');
    let mut end = line_end(at);
    while matches!(
        bytes.get(end..end + 2),
        Some([b'\n', b' ' | b'\t' | b'\r' | b'\n' | b'-'])
    ) {
        end = line_end(end + 1);
    }
    Some(end)
}

/// How many bytes from `at` are alike.
pub(super) fn run(bytes: &[u8], at: usize, alike: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| alike(**byte)).count()
}
