//! Finds the values of names that the application adds, where a text says them.

use std::borrow::Cow;

use regex::RegexBuilder;

use super::{assigned::Assigned, names::words, options::Options, steps::Steps};

/// What may stand between two letters of a name, and also between two of its words.
const BETWEEN: [&str; 2] = ["[_.-]?", "[ _.-]?"];

/// The ways in which a name and a value stand together, for names of the application.
pub(super) struct OwnNames {
    assigned: Assigned,
    options: Options,
}

// === impl OwnNames ===

impl OwnNames {
    /// Nothing if no name has a letter.
    #[expect(
        clippy::expect_used,
        reason = "the names are letters and digits, and any size is allowed"
    )]
    pub(super) fn new(names: &[String]) -> Option<Self> {
        let names: Vec<_> = names.iter().map(|name| pattern(name)).collect();
        let names = names.into_iter().filter(|name| !name.is_empty());
        let names = names.collect::<Vec<_>>().join("|");
        if names.is_empty() {
            return None;
        }
        let names = format!(r"(?-u:[\w.-]*)(?i:{names})(?-u:[\w-]*)");
        let regex = |pattern: &str| {
            let mut builder = RegexBuilder::new(pattern);
            let built = builder.size_limit(usize::MAX).build();
            built.expect("a pattern of ours")
        };
        Some(Self {
            assigned: Assigned::new(regex, &names),
            options: Options::new(regex, &format!("--{names}")),
        })
    }

    pub(super) fn without<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        let mut kept = Steps::new(text);
        kept.with(b"-", |text| self.options.without(text, keys));
        kept.with(b":=({<'\"!", |text| self.assigned.without_named(text, keys));
        kept.with(b"(", |text| self.assigned.without_indexed(text));
        kept.with(b"([{=", |text| self.assigned.without_pairs(text, keys));
        kept.with(b":=", |text| self.assigned.without_reversed_pairs(text));
        kept.with(b"<", |text| self.assigned.without_elements(text));
        kept.kept()
    }
}

/// The letters of a name, whatever the punctuation between them.
fn pattern(name: &str) -> String {
    let [in_word, between_words] = BETWEEN;
    let spelled = |word: &&str| {
        let letters = word.chars().flat_map(char::to_lowercase);
        let letters: Vec<_> = letters.map(String::from).collect();
        letters.join(in_word)
    };
    let words = words(name);
    let words: Vec<_> = words.iter().map(spelled).collect();
    words.join(between_words)
}
