//! Replaces in a text what patterns find.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex, Replacer};

use super::FILTERED;

/// Replaces the text by what `pattern` made of it.
pub(super) fn step(kept: &mut Cow<'_, str>, pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>) {
    let changed = match pattern(kept) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => return,
    };
    *kept = Cow::Owned(changed);
}

/// As [`Regex::replace_all`], which allocates also where it finds nothing: most texts have nothing to replace.
pub(super) fn all<'t>(pattern: &Regex, text: &'t str, by: impl Replacer) -> Cow<'t, str> {
    match pattern.is_match(text) {
        true => pattern.replace_all(text, by),
        false => Cow::Borrowed(text),
    }
}

/// The text with each value replaced that `value` finds by what the pattern finds, behind it or before it.
pub(super) fn each_value<'t>(
    pattern: &Regex,
    text: &'t str,
    mut value: impl FnMut(Match<'t>) -> Option<Range<usize>>,
) -> Cow<'t, str> {
    let mut kept = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = pattern.find_at(text, at) {
        at = found.end();
        let value = value(found).filter(|value| !value.is_empty() && value.start >= copied);
        let Some(value) = value else { continue };
        at = at.max(value.end);
        if &text[value.clone()] != FILTERED {
            kept.push_str(&text[copied..value.start]);
            kept.push_str(FILTERED);
            copied = value.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}
