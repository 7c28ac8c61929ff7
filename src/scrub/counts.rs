//! Recognises numbers of tokens, which models of language and limits of rates count: `max_tokens=4096`.

use super::{
    letters,
    names::{is_one_of, words},
};

/// The words of the names of counts. With any other word it can be the name of a token that people type.
const COUNTING: &[&str] = &[
    "accepted",
    "ai",
    "anthropic",
    "audio",
    "available",
    "avg",
    "budget",
    "cache",
    "cached",
    "candidates",
    "capacity",
    "completion",
    "context",
    "count",
    "creation",
    "day",
    "detail",
    "details",
    "gen",
    "generated",
    "hour",
    "image",
    "input",
    "left",
    "limit",
    "llm",
    "max",
    "min",
    "minute",
    "new",
    "num",
    "number",
    "of",
    "output",
    "per",
    "prediction",
    "prompt",
    "rate",
    "ratelimit",
    "read",
    "reasoning",
    "rejected",
    "remaining",
    "request",
    "response",
    "second",
    "text",
    "thinking",
    "thoughts",
    "token",
    "tokens",
    "tool",
    "total",
    "usage",
    "use",
    "used",
    "window",
    "write",
    "x",
];

/// The longest whole part of a count, in bytes. A longer number can be a token itself.
const LONGEST: usize = 9;

/// The longest object of counts that is read, in bytes.
const LONGEST_OBJECT: usize = 1_024;

/// The same after the word `tokens` alone. Codes that people type have six digits.
const LONGEST_ALONE: usize = 5;

/// Whether a field of this name counts, and the value is one number, also as `Debug` prints one that can be missing. Or an object
/// of numbers that count. What has one of the `keys` in its name never counts: the application has named it as a secret.
pub(super) fn is_count(name: &str, value: &str, keys: &[String]) -> bool {
    let several = words(name).len() > 1;
    let longest = if several { LONGEST } else { LONGEST_ALONE };
    let value = value.trim_matches(['"', '\'', '`', '\\', ',', ';', ')']);
    let is_value =
        || whole_part(value).is_some_and(|whole| whole <= longest) || several && is_object(value);
    counts(name, keys) && is_value()
}

/// Whether a field of this name counts, whatever its value.
pub(super) fn counts(name: &str, keys: &[String]) -> bool {
    let words = words(name);
    let is = |word: &str, one: &str| word.eq_ignore_ascii_case(one);
    let is_counted = words.iter().any(|word| is(word, "tokens"))
        || words
            .windows(2)
            .any(|two| is(two[0], "token") && is(two[1], "count"));
    let name = letters(name);
    is_counted
        && words.iter().all(|word| is_one_of(COUNTING, word))
        && !keys.iter().any(|part| name.contains(part))
}

/// How many digits a number has before its point. Nothing if it is no number.
fn whole_part(value: &str) -> Option<usize> {
    let inside = value.strip_prefix("Some(").unwrap_or(value);
    let number = inside.trim_matches(|one: char| one.is_whitespace() || one == ',');
    let number = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && digits(whole) && digits(fraction)).then_some(whole.len())
}

/// Whether all words of an object are those of counts, as in `{"cached_tokens":17}` and `Some(Details { audio_tokens: None })`.
fn is_object(value: &str) -> bool {
    let is_word = |word: &str| {
        ["Some", "None", "null"].contains(&word)
            || whole_part(word).is_some_and(|whole| whole <= LONGEST)
            || words(word).iter().all(|part| is_one_of(COUNTING, part))
    };
    let of_word = |one: char| one.is_alphanumeric() || one == '_';
    value.contains('{')
        && value.len() <= LONGEST_OBJECT
        && value.split(|one| !of_word(one)).all(is_word)
}

/// As [`is_count`], in a text. What stands before the name can be a part of it: `mfa/tokens=17`, `recovery tokens: 17`. The value
/// of another field is none: `status=ok tokens=17`.
pub(super) fn is_count_after(before: &str, name: &str, value: &str, keys: &[String]) -> bool {
    if before.ends_with([']', '/', ':']) || !is_count(name, value, keys) {
        return false;
    }
    let is_alone = words(name).len() == 1;
    let before = before.strip_suffix(' ').unwrap_or_default();
    let others = before.trim_end_matches(char::is_alphabetic);
    let word = &before[others.len()..];
    !is_alone || word.is_empty() || others.ends_with('=') || is_one_of(COUNTING, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_tokens_is_no_secret_unless_the_application_says_so() {
        let own = ["total".to_owned()];
        for (name, value, counts) in [
            ("max_tokens", "4096", true),
            ("--max-tokens ", "4096", true),
            ("promptTokenCount", "31", true),
            ("x-ratelimit-remaining-tokens", "149984", true),
            ("gen_ai.usage.input_tokens", "17", true),
            ("tokens=", "9.5,", true),
            ("tokens", "\"9\",", true),
            ("max_tokens", "Some(4096)", true),
            ("max_tokens", "Some(\n    4096,\n)", true),
            ("max_tokens", "-1", true),
            ("tokens_per_second", "123.45678901234", true),
            ("prompt_tokens_details", r#"{"cached_tokens":17}"#, true),
            (
                "prompt_tokens_details",
                r#"{"cached_tokens":"a1b2"}"#,
                false,
            ),
            ("prompt_tokens_details", r#"{"cached":1234567890}"#, false),
            ("tokens", r#"{"limit":17}"#, false),
            ("tokens", "9&page=2", false),
            ("tokens", "12,hunter2", false),
            ("tokens", "482913", false),
            ("mfa/tokens", "17", false),
            ("tokens", "4096b", false),
            ("tokens", "1234567890", false),
            ("tokens", "", false),
            ("tokens", "-", false),
            ("tokens", ".5", false),
            ("max_tokens", "Some(hunter2)", false),
            ("token", "123456", false),
            ("token_secret", "48291377", false),
            ("token_session", "123456", false),
            ("token_sms", "482913", false),
            ("auth_tokens", "123456", false),
            ("backup_tokens", "123456", false),
            ("mfa_tokens", "482913", false),
            ("total_tokens", "137", false),
        ] {
            assert_eq!(is_count(name, value, &own), counts, "{name}={value}");
        }
    }
}
