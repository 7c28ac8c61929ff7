//! Keeps the chain of causes of an error one by one, for Sentry.

use std::{
    error::Error,
    fmt::{self, Write},
    sync::Arc,
};

use super::{chain, shown_error::ShownError, type_name};
use crate::text::end_at_word;

/// The most errors of a chain that are shown.
const MOST: usize = 16;

/// The longest text of an error, in bytes. It is scrubbed before it is cut to what is sent, on another thread.
const LONGEST: usize = 16_384;

/// How much of what `Debug` prints is kept to find a name at its beginning, in bytes.
const BEGINNING: usize = 1_024;

/// The most errors around an error that only carry it.
const MOST_CARRIERS: usize = 4;

/// The error and its causes, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    all: Vec<Link>,
    /// The types of the errors that only carried the outermost one, with the same text.
    carriers: Vec<String>,
}

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
        let carriers = chain::carriers(error).take(MOST_CARRIERS).map(kind_of);
        let carriers = carriers.collect();
        let all: Vec<_> = chain::to_root(error).collect();
        let Some((root, before)) = all.split_last().filter(|_| all.len() > MOST) else {
            let all = all.into_iter().map(Link::of).collect();
            return Self { all, carriers };
        };
        // The root is the reason, so it stays.
        let (shown, left_out) = before.split_at(MOST - 2);
        let shown = shown.iter().map(|error| Link::of(*error));
        let rest = [Link::left_out(left_out.len()), Link::of(*root)];
        let all = shown.chain(rest).collect();
        Self { all, carriers }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if self.all.is_empty() { other } else { self }
    }

    /// The text of the outermost error, and its type and those of the errors that carried it.
    pub(crate) fn outermost(&self) -> Option<(&str, impl Iterator<Item = &str>)> {
        let first = self.all.first()?;
        let kinds = self.carriers.iter().map(String::as_str);
        Some((&first.text, kinds.chain([&*first.kind])))
    }

    /// The kinds of the error and of its root.
    pub(crate) fn types(&self) -> Option<(&str, &str)> {
        let (outer, root) = self.all.first().zip(self.all.last())?;
        Some((&outer.kind, &root.kind))
    }

    /// Innermost first.
    pub(crate) fn innermost_first(&self) -> impl Iterator<Item = &Link> {
        self.all.iter().rev()
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
        let kind = kind_of(error);
        let mut text = Raw::of(LONGEST);
        // The text is cut, or the error fails to print: what there is, is enough.
        let _ = write!(text, "{}", ShownError(error));
        Self {
            kind,
            text: text.whole_words().into(),
        }
    }
}

fn kind_of(error: &(dyn Error + 'static)) -> String {
    let mut debug = Raw::of(BEGINNING);
    let _ = write!(debug, "{error:?}");
    type_name::of_debug(&debug.kept).to_owned()
}

/// Takes what fits without escaping it, and then refuses.
struct Raw {
    kept: String,
    most: usize,
    is_cut: bool,
}

// === impl Raw ===

impl Raw {
    const fn of(most: usize) -> Self {
        Self {
            kept: String::new(),
            most,
            is_cut: false,
        }
    }

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
        let room = self.most - self.kept.len();
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
        links.all.iter().map(|link| link.text.to_string()).collect()
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
                LONGEST - 24,
                "postgres://admin:S3ntinelPassw0rdLong@db/shop",
                "S3nt",
            ),
            (LONGEST - 16, "4111111111111111", "4111"),
            (LONGEST - 19, "4111 1111 1111 1111 ", "4111"),
            (LONGEST - 18, "jane.sentinel@hospital.org", "jane"),
            (LONGEST - 20, "AKIAIOSFODNN7EXAMPLEX", "AKIA"),
        ] {
            let before = "word ".repeat(length);
            let text = format!("{} {secret}{}", &before[..length], " and more".repeat(9));
            let link = Link::of(&*Box::<dyn Error>::from(text));
            assert!(!link.text.contains(part), "{secret}: {}", link.text);
            assert!(
                link.text.len() > LONGEST - 100,
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

    #[cfg(feature = "tonic")]
    #[test]
    fn the_text_of_a_status_is_shown_as_it_was_written() {
        use std::io;

        use tonic::Status;

        let refused = || {
            let mut status = Status::internal("the key \"a\\b\" is\nno key");
            status.set_source(Arc::new(io::Error::other("it is \"odd\"")));
            status
        };
        let links = Links::of(&refused());
        let texts: Vec<_> = links.innermost_first().map(|link| &*link.text).collect();
        let outer = "Internal error: the key \"a\\b\" is\nno key";
        assert_eq!(texts, ["it is \"odd\"", outer]);
        // One line, in which each character is escaped once.
        let line = r#"Internal error: the key "a\\b" is\nno key: it is "odd""#;
        for shown in [
            chain::text(&refused()),
            chain::text(&Arc::new(refused())),
            chain::text(&io::Error::other(refused())),
        ] {
            assert_eq!(&*shown, line);
        }
        assert_eq!(
            &*chain::text(&Status::data_loss("")),
            "Unrecoverable data loss or corruption"
        );
    }
}
