//! Tells whether a sentence goes on after the name of a secret: `token: expired`, `password: must have 12 characters`.

/// Names that are also ordinary words. After such a name, a colon and a space, a sentence can go on.
const WORDS: &[&str] = &[
    "auth",
    "authorization",
    "session",
    "token",
    "csrf",
    "bearer",
    "signature",
    "credentials",
    "cookie",
];

/// Words with which a sentence goes on after [`WORDS`]: `token: expected`, `session: closed`.
const PROSE: &[&str] = &[
    "a",
    "an",
    "aborted",
    "absent",
    "already",
    "bad",
    "cannot",
    "closed",
    "connection",
    "could",
    "denied",
    "disabled",
    "empty",
    "enabled",
    "error",
    "expected",
    "expired",
    "failed",
    "failure",
    "forbidden",
    "found",
    "invalid",
    "io",
    "malformed",
    "mismatch",
    "missing",
    "no",
    "none",
    "not",
    "null",
    "ok",
    "refused",
    "rejected",
    "required",
    "revoked",
    "the",
    "timed",
    "timeout",
    "too",
    "unauthorized",
    "unavailable",
    "unexpected",
    "unknown",
    "unsupported",
    "user",
    "was",
    "wrong",
];

/// Beginnings of what a validation says of a field, whatever its name: `password: must have at least 12 characters`.
const PHRASES: &[(&str, &[&str])] = &[
    ("at", &["least", "most"]),
    ("can't", &["be"]),
    ("cannot", &["be"]),
    ("does", &["not"]),
    ("doesn't", &["match"]),
    ("field", &["is", "required"]),
    ("has", &["already", "been"]),
    (
        "is",
        &["empty", "invalid", "missing", "not", "required", "too"],
    ),
    ("may", &["not"]),
    (
        "must",
        &["be", "contain", "differ", "have", "include", "match", "not"],
    ),
    ("needs", &["at", "to"]),
    ("should", &["be", "contain", "have", "match", "not"]),
    ("this", &["field", "value"]),
    ("too", &["common", "long", "short", "weak"]),
];

/// Traits that a compiler wants of a type, which has the name of a secret: `Token: Clone`.
const TRAITS: &[&str] = &[
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "DeserializeOwned",
    "Display",
    "Eq",
    "Error",
    "FromStr",
    "Future",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Send",
    "Serialize",
    "Sized",
    "Sync",
    "Unpin",
];

/// The longest first word of a message, in bytes.
const LONGEST_WORD: usize = 16;

/// Whether a sentence goes on in `rest`: after an ordinary word, after the module that a log names as the source of its
/// message, or as a validation or a compiler says it.
pub(super) fn goes_on(before: &str, name: &str, rest: &str) -> bool {
    let word = letters_of(rest);
    let next = rest[word.len()..].chars().next();
    let name = trimmed(name);
    let is_type = name.starts_with(|one: char| one.is_ascii_uppercase());
    if is_type && TRAITS.contains(&word) && next.is_none_or(|one| !one.is_alphanumeric()) {
        return true;
    }
    if is_phrase(rest) {
        return true;
    }
    if !next.is_none_or(|one| matches!(one, ' ' | '.' | ',' | ')' | '\n' | ';' | '!')) {
        return false;
    }
    let lower = word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
    let message = before.ends_with("::") && lower && (1..=LONGEST_WORD).contains(&word.len());
    let is_word = WORDS.iter().any(|one| name.eq_ignore_ascii_case(one));
    is_word && (message || PROSE.contains(&word))
}

/// Whether one of [`PHRASES`] stands there.
fn is_phrase(rest: &str) -> bool {
    let word = |text: &str| {
        let of_word = |byte: u8| byte.is_ascii_alphabetic() || byte == b'\'';
        let letters = text.bytes().take(LONGEST_WORD);
        letters.take_while(|byte| of_word(*byte)).count()
    };
    let first = word(rest);
    let Some(after) = rest[first..].strip_prefix(' ') else {
        return false;
    };
    let second = &after[..word(after)];
    let begins = |(begin, _): &&(&str, &[&str])| rest[..first].eq_ignore_ascii_case(begin);
    let phrase = PHRASES.iter().find(begins);
    phrase.is_some_and(|(_, seconds)| seconds.contains(&second))
}

/// Whether it is one of [`PROSE`].
pub(super) fn is_word(word: &str) -> bool {
    PROSE.contains(&word)
}

/// Whether a word of [`PROSE`] is all of the line.
pub(super) fn is_word_alone(rest: &str) -> bool {
    let word = letters_of(rest);
    PROSE.contains(&word)
        && rest[word.len()..]
            .chars()
            .next()
            .is_none_or(|one| "\r\n".contains(one))
}

/// The letters at the beginning of a text.
pub(super) fn letters_of(text: &str) -> &str {
    let end = text.find(|one: char| !one.is_ascii_alphabetic());
    &text[..end.unwrap_or(text.len())]
}

/// The name without what separates it from its value.
pub(super) fn trimmed(name: &str) -> &str {
    name.trim_end_matches(|one: char| !one.is_alphanumeric())
}
