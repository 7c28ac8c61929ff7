//! Keeps the chain of causes of an error one by one, for Sentry.

use std::{
    error::Error,
    fmt::{self, Write},
    sync::Arc,
};

use super::{
    chain::{self, LONGEST},
    type_name,
};
use crate::text::end_at_word;

/// The most errors of a chain that are shown.
const MOST: usize = 16;

/// The error and its causes, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links(Vec<Link>);

/// One error in a chain of causes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The name of its type, as far as its `Debug` shows it.
    pub(crate) kind: String,
    /// Its text as it is: text that is escaped cannot be scrubbed.
    pub(crate) text: Arc<str>,
}

// === impl Links ===

impl Links {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let all: Vec<_> = chain::to_root(error).collect();
        let Some((root, before)) = all.split_last().filter(|_| all.len() > MOST) else {
            return Self(all.into_iter().map(Link::of).collect());
        };
        // The root is the reason, so it stays.
        let (shown, left_out) = before.split_at(MOST - 2);
        let shown = shown.iter().map(|error| Link::of(*error));
        let rest = [Link::left_out(left_out.len()), Link::of(*root)];
        Self(shown.chain(rest).collect())
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if self.0.is_empty() { other } else { self }
    }

    pub(crate) fn outermost(&self) -> Option<&Link> {
        self.0.first()
    }

    /// The kinds of the error and of its root.
    pub(crate) fn types(&self) -> Option<(&str, &str)> {
        let (outer, root) = self.0.first().zip(self.0.last())?;
        Some((&outer.kind, &root.kind))
    }

    /// Innermost first.
    pub(crate) fn innermost_first(&self) -> impl Iterator<Item = &Link> {
        self.0.iter().rev()
    }
}

// === impl Link ===

impl Link {
    /// Stands for the errors between those that are shown.
    fn left_out(count: usize) -> Self {
        Self {
            kind: "LeftOut".to_owned(),
            text: format!("{count} errors are left out").into(),
        }
    }

    fn of(error: &(dyn Error + 'static)) -> Self {
        let (mut kind, mut text) = (Raw::default(), Raw::default());
        // The text is cut, or the error fails to print: what there is, is enough.
        let _ = (write!(kind, "{error:?}"), write!(text, "{error}"));
        Self {
            kind: type_name::of_debug(&kind.kept).to_owned(),
            text: text.whole_words().into(),
        }
    }
}

/// Takes what fits without escaping it, and then refuses.
#[derive(Default)]
struct Raw {
    kept: String,
    is_cut: bool,
}

// === impl Raw ===

impl Raw {
    /// What was kept. It is scrubbed later, so it must not end within a secret.
    fn whole_words(mut self) -> String {
        if self.is_cut {
            end_at_word(&mut self.kept);
        }
        self.kept
    }
}

impl Write for Raw {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let room = LONGEST - self.kept.len();
        let fits = text
            .char_indices()
            .map(|(at, one)| at + one.len_utf8())
            .take_while(|end| *end <= room);
        let end = fits.last().unwrap_or(0);
        self.kept.push_str(&text[..end]);
        self.is_cut = end < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with so many errors behind it.
    #[derive(Debug)]
    struct Nested(usize, Option<Box<Self>>);

    impl fmt::Display for Nested {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "error {}", self.0)
        }
    }

    impl Error for Nested {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|next| next as _)
        }
    }

    fn texts(length: usize) -> Vec<String> {
        let inner = (0..length - 1).fold(None, |inner, n| Some(Box::new(Nested(n, inner))));
        let links = Links::of(&Nested(length - 1, inner));
        links.0.iter().map(|link| link.text.to_string()).collect()
    }

    #[test]
    fn a_long_chain_keeps_its_root_and_says_how_much_is_left_out() {
        let cut = texts(50);
        assert_eq!(cut.len(), MOST);
        assert_eq!(cut[0], "error 49");
        assert_eq!(cut[13..], ["error 36", "35 errors are left out", "error 0"]);
        let whole: Vec<_> = (0..MOST).rev().map(|n| format!("error {n}")).collect();
        assert_eq!(texts(MOST), whole);
    }

    #[test]
    fn what_touches_the_cut_goes_with_it() {
        for (length, secret, part) in [
            (
                1_000,
                "postgres://admin:S3ntinelPassw0rdLong@db/shop",
                "S3nt",
            ),
            (1_008, "4111111111111111", "4111"),
            (1_005, "4111 1111 1111 1111 ", "4111"),
            (1_006, "jane.sentinel@hospital.org", "jane"),
            (1_004, "AKIAIOSFODNN7EXAMPLEX", "AKIA"),
        ] {
            let before = "word ".repeat(length);
            let text = format!("{} {secret}{}", &before[..length], " and more".repeat(9));
            let link = Link::of(&*Box::<dyn Error>::from(text));
            assert!(!link.text.contains(part), "{secret}: {}", link.text);
            assert!(
                link.text.len() > 950,
                "no more goes than the word: {}",
                link.text
            );
        }
        let whole = "x".repeat(LONGEST);
        assert_eq!(
            *Link::of(&*Box::<dyn Error>::from(whole.clone())).text,
            whole
        );
        assert_eq!(
            &*Link::of(&*Box::<dyn Error>::from(whole + "x")).text,
            "\u{2026}"
        );
    }
}
