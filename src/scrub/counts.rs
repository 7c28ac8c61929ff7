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

/// The longest count, in bytes. A longer number can be a token itself.
const LONGEST: usize = 9;

/// The same after the word `tokens` alone. Codes that people type have six digits.
const LONGEST_ALONE: usize = 5;

/// Whether a field of this name counts, and the value is one number. What has one of the `keys` in its name never counts: the
/// application has named it as a secret.
pub(super) fn is_count(name: &str, value: &str, keys: &[String]) -> bool {
    let number = value.trim_matches(['"', '\'', '`', '\\', ',', ';', ')']);
    let in_number = |one: u8| one.is_ascii_digit() || one == b'.';
    if !(1..=LONGEST).contains(&number.len()) || !number.bytes().all(in_number) {
        return false;
    }
    let words = words(name);
    let is = |word: &str, one: &str| word.eq_ignore_ascii_case(one);
    let is_counted = words.iter().any(|word| is(word, "tokens"))
        || words
            .windows(2)
            .any(|two| is(two[0], "token") && is(two[1], "count"));
    let name = letters(name);
    is_counted
        && (words.len() > 1 || number.len() <= LONGEST_ALONE)
        && words.iter().all(|word| is_one_of(COUNTING, word))
        && !keys.iter().any(|part| name.contains(part))
}

/// As [`is_count`], in a text. What stands before the name can be a part of it: `mfa/tokens=17`, `recovery tokens: 17`.
pub(super) fn is_count_after(before: &str, name: &str, value: &str, keys: &[String]) -> bool {
    if before.ends_with([']', '/', ':']) || !is_count(name, value, keys) {
        return false;
    }
    let is_alone = words(name).len() == 1;
    let before = before.strip_suffix(' ').unwrap_or_default();
    let word = before.rsplit(|one: char| !one.is_alphabetic()).next();
    let word = word.filter(|word| is_alone && !word.is_empty());
    word.is_none_or(|word| is_one_of(COUNTING, word))
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
            ("tokens", "9&page=2", false),
            ("tokens", "12,hunter2", false),
            ("tokens", "482913", false),
            ("mfa/tokens", "17", false),
            ("tokens", "4096b", false),
            ("tokens", "1234567890", false),
            ("tokens", "", false),
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
