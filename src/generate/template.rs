//! Writes texts that stay what they are where Prometheus or Alertmanager reads templates and strings.

/// The text, where a template gives it back as it is.
pub(super) fn literal(text: &str) -> String {
    text.replace("{{", r#"{{ "{{" }}"#)
}

/// The text as a string within a template or a matcher.
pub(super) fn string(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}

/// The text without what begins a template, for a place that vmalert reads as one and Prometheus does not.
pub(super) fn inert(text: &str) -> String {
    let mut inert = text.to_owned();
    while inert.contains("{{") {
        inert = inert.replace("{{", "{ {");
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_braces_is_no_template() {
        assert_eq!(literal("a {b} {{c}}"), r#"a {b} {{ "{{" }}c}}"#);
        assert_eq!(literal("{{{"), r#"{{ "{{" }}{"#);
        assert_eq!(inert("a{{{b}}"), "a{ { {b}}");
        assert_eq!(string("a{b=\"\\c\"}\n"), r#""a{b=\"\\c\"}\n""#);
    }
}
