//! Finds the name of an error's type in what its `Debug` prints.

/// The longest name.
const LONGEST: usize = 64;

/// The name of a type that is not known.
pub(crate) const UNKNOWN: &str = "Error";

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

#[cfg(test)]
mod tests {
    use super::*;

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
