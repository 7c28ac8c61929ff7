//! Finds the value of an option of a command: `--token …`, `-storepass …`, `["shop","--password","…"]`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{
    counts,
    no_value::{Place, is_no_value},
    replace::each_value,
    value,
};

/// Options with two hyphens that take a secret.
pub(super) const LONG: &str =
    r"--(?i-u:[\w-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|key)[\w-]*|[\w-]*pass|psk)";

/// The name of an option that takes a secret, up to its value. Also as code prints a list of arguments.
pub(super) struct Options(Regex);

// === impl Options ===

impl Options {
    /// For `long` options.
    pub(super) fn new(regex: impl Fn(&str) -> Regex, long: &str) -> Self {
        // Few programs have long options with one hyphen. Their names are said in full: many a word ends as they do.
        let one = r"(?i-u:(?:src|dest|dst|new|old)?(?:key|store|trust|keystore|truststore)?pass|pw|passw(?:or)?d|passphrase|token|secret|psk)";
        Self(regex(&format!(
            r#"(?:{long}|(?:^|[\s"'\[(,])-{one})(?:\\*["']\s*,\s*|\\*["']?\s+)"#
        )))
    }

    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        each_value(&self.0, text, |found| value_of(text, keys, found))
    }
}

fn value_of(text: &str, keys: &[String], found: Match<'_>) -> Option<Range<usize>> {
    let start = found.end() + text[found.end()..].find(|one: char| !one.is_whitespace())?;
    let rest = &text[start..];
    if is_option(rest) || is_named_value(rest) {
        return None;
    }
    let place = Place {
        before: "",
        name: found.as_str(),
        spaced: true,
        rest,
    };
    if is_no_value(&place) {
        return None;
    }
    let end = value::end(text, start);
    (!counts::is_count(place.name, &text[start..end], keys)).then_some(start..end)
}

/// Whether the next option stands there: the one before it has no value.
pub(super) fn is_option(rest: &str) -> bool {
    let name = rest.trim_start_matches(['\\', '"', '\'']);
    name.strip_prefix("--")
        .is_some_and(|name| name.starts_with(|one: char| one.is_ascii_lowercase()))
}

/// Whether it is the name of a value in capitals, as a help has it: `<TOKEN>`.
fn is_named_value(rest: &str) -> bool {
    let capital = |byte: u8| byte.is_ascii_uppercase() || b"_-".contains(&byte);
    let name = rest.strip_prefix('<').map(str::as_bytes);
    name.is_some_and(|name| name.get(value::run(name, 0, capital)) == Some(&b'>'))
}
