//! Finds the name of an error's type in what its `Debug` prints.

use std::{
    error::Error,
    fmt::{self, Write},
};

use super::chain;

/// The longest name.
const LONGEST: usize = 64;

/// The name of a type that is not known.
pub(crate) const UNKNOWN: &str = "Error";

/// Takes the beginning of what `Debug` prints, and then refuses.
#[derive(Default)]
struct Beginning(String);

/// The types of an error and of its root, such as `PaymentError: Timeout`. `None` if no name is known.
pub(crate) fn of_error(error: &(dyn Error + 'static)) -> Option<String> {
    let named = |error: &dyn Error| {
        let mut debug = Beginning::default();
        // It is full, or the error fails to print: what there is, is enough.
        let _ = write!(debug, "{error:?}");
        let name = of_debug(&debug.0);
        (name != UNKNOWN).then(|| name.to_owned())
    };
    let (mut outer, mut root) = (None, None);
    for (place, error) in chain::to_root(error).enumerate() {
        if place == 0 {
            outer = named(error);
        } else {
            root = Some(error);
        }
    }
    let root = root.and_then(named);
    match (outer, root) {
        (Some(outer), Some(root)) if outer != root => Some(format!("{outer}: {root}")),
        (outer, root) => outer.or(root),
    }
}

/// The name at the beginning of what `Debug` prints for a value. `Error` if that can be text: a `Debug` of one's own can
/// print any words, and words have ids in them.
pub(crate) fn of_debug(debug: &str) -> &str {
    let in_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | ':');
    let end = debug.find(|one| !in_name(one)).unwrap_or(debug.len());
    let (name, rest) = debug.split_at(end);
    // What `derive` prints after the name.
    let ends = rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {");
    if ends && is_name(name) { name } else { UNKNOWN }
}

/// Whether the text is a path of names, such as `reqwest::Error`, whose last one begins as types do.
fn is_name(path: &str) -> bool {
    let is_part = |part: &str| part.bytes().next().is_some_and(|one| !one.is_ascii_digit());
    let is_type = |part: &str| {
        part.bytes()
            .next()
            .is_some_and(|one| one.is_ascii_uppercase())
    };
    let no_colon = |part: &str| !part.contains(':');
    path.len() <= LONGEST
        && path.split("::").all(|part| is_part(part) && no_colon(part))
        && path.rsplit("::").next().is_some_and(is_type)
}

// === impl Beginning ===

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text.get(..=LONGEST).unwrap_or(text));
        if self.0.len() > LONGEST {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(Option<Box<dyn Error>>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("order 17")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_deref()
        }
    }

    #[test]
    fn an_error_has_the_types_of_itself_and_of_its_root() {
        let outer = |inner: Box<dyn Error>| Box::new(Outer(Some(inner)));
        let number = || "x".parse::<i32>().expect_err("no number");
        for (error, name) in [
            (Outer(None), Some("Outer")),
            (*outer(Box::new(Outer(None))), Some("Outer")),
            (*outer("order 17".into()), Some("Outer")),
            (*outer(Box::new(number())), Some("Outer: ParseIntError")),
            (
                *outer(outer(Box::new(number()))),
                Some("Outer: ParseIntError"),
            ),
        ] {
            assert_eq!(of_error(&error).as_deref(), name, "{error:?}");
        }
        assert_eq!(of_error(&*Box::<dyn Error>::from("order 17")), None);
    }

    #[test]
    fn of_a_long_debug_only_the_beginning_is_taken() {
        struct Long;
        impl fmt::Debug for Long {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "Long(\"{}\u{e9}", "x".repeat(62))?;
                panic!("nobody reads on")
            }
        }
        impl fmt::Display for Long {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("long")
            }
        }
        impl Error for Long {}
        assert_eq!(of_error(&Long).as_deref(), Some("Long"));
    }

    #[test]
    fn a_name_of_a_type_is_no_text() {
        for (debug, name) in [
            ("Ledger", "Ledger"),
            ("Custom { kind: Other, error: \"no\" }", "Custom"),
            ("NoOrder(ParseIntError { kind: Empty })", "NoOrder"),
            ("JoinError::Panic(Id(7), \"order 17\")", "JoinError::Panic"),
            ("reqwest::Error { kind: Request }", "reqwest::Error"),
            ("\"order 17 is lost\"", "Error"),
            ("order 17 is lost", "Error"),
            ("Order 17 is lost", "Error"),
            ("Order: the 17th", "Error"),
            ("Order::17", "Error"),
            ("order::a3f9", "Error"),
            ("17", "Error"),
            ("a3f9", "Error"),
            ("", "Error"),
        ] {
            assert_eq!(of_debug(debug), name, "{debug}");
        }
        let long = "E".repeat(65);
        assert_eq!(of_debug(&long), "Error");
        assert_eq!(of_debug(&long[1..]), &long[1..]);
    }
}
