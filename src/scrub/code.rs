//! Scrubs names of code: `shop::session::load` is a path and no assignment.

use std::borrow::Cow;

use super::{FILTERED, Scrubbing};

/// What stands for `::`, `<` and `>` while a name of code is scrubbed. Unicode gives these no meaning.
const MASKS: [(char, &str); 3] = [('\u{E000}', "::"), ('\u{E001}', "<"), ('\u{E002}', ">")];

// === impl Scrubbing ===

impl Scrubbing {
    /// The name without secrets. The punctuation of code separates no name of a secret from its value here. The name is scrubbed
    /// nevertheless, because the first word of an error's `Debug` can be a secret and leaves as the type of the error.
    pub(super) fn code<'t>(&self, name: &'t str) -> Cow<'t, str> {
        // Rust never writes `</`. Such a text is XML.
        if name.contains("</") || name.contains(MASKS.map(|(mask, _)| mask)) {
            return self.text(name);
        }
        // The application's own patterns see the name as it is.
        let own = |value: &regex::Regex| value.is_match(name);
        if self.values.iter().any(own) || self.rules.iter().any(|rule| rule(name).is_some()) {
            return self.text(name);
        }
        match self.text(&masked(name)) {
            Cow::Owned(kept) => Cow::Owned(unmasked(&kept)),
            Cow::Borrowed(kept) if kept == FILTERED => Cow::Owned(FILTERED.to_owned()),
            Cow::Borrowed(_) => Cow::Borrowed(name),
        }
    }
}

fn masked(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut rest = name.chars().peekable();
    let mut before = ' ';
    while let Some(one) = rest.next() {
        kept.push(match one {
            ':' if rest.next_if_eq(&':').is_some() => MASKS[0].0,
            '<' => MASKS[1].0,
            // `=>` assigns.
            '>' if before != '=' => MASKS[2].0,
            other => other,
        });
        before = one;
    }
    kept
}

fn unmasked(kept: &str) -> String {
    MASKS.iter().fold(kept.to_owned(), |kept, (mask, text)| {
        kept.replace(*mask, text)
    })
}
