//! Writes what an application named so that Grafana shows it as it is. It would put a value in place of `$name` and `[[name]]`.

/// What parts two characters, and has no width.
const JOINER: char = '\u{2060}';

/// A title or a description.
pub(super) fn text(text: &str) -> String {
    parted(text.replace('$', &format!("${JOINER}")), '[')
}

/// A name in a legend, where `{{label}}` is the value of a label.
pub(super) fn legend(name: &str) -> String {
    parted(text(name), '{')
}

/// An expression of PromQL without variables. What the application named is between double quotes.
pub(super) fn expr(expr: &str) -> String {
    expr.replace('$', r"\x24").replace("[[", r"\x5b\x5b")
}

/// The text, in which no two of these stand beside each other.
fn parted(mut text: String, one: char) -> String {
    let two = format!("{one}{one}");
    while text.contains(&two) {
        text = text.replace(&two, &format!("{one}{JOINER}{one}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_application_named_is_no_variable_of_a_dashboard() {
        let named = "$job ${job} [[job]] [[[a]]] {{{b}}}";
        let shown = text(named);
        assert_eq!(shown.replace(JOINER, ""), named);
        assert_eq!(
            text("$a [[b]] [[["),
            "$\u{2060}a [\u{2060}[b]] [\u{2060}[\u{2060}["
        );
        assert!(shown.contains("{{{b}}}"), "{shown}");
        assert_eq!(legend("{{a}} $b"), "{\u{2060}{a}} $\u{2060}b");
        assert_eq!(
            expr(r#"a_b{c="$job\\$ [[d]] [[[ [e]"}[5m]"#),
            r#"a_b{c="\x24job\\\x24 \x5b\x5bd]] \x5b\x5b[ [e]"}[5m]"#
        );
    }
}
