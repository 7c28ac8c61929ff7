//! Writes selectors of PromQL: names, labels, ranges of time.

use std::{fmt, fmt::Write, time::Duration};

use super::expr::Expr;

/// The series with a name, and with some labels.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    name: String,
    /// Each with its operator.
    matchers: Vec<(String, &'static str, String)>,
}

/// A stretch of time, which ends now or earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) length: Duration,
    pub(super) offset: Duration,
}

// === impl Selector ===

impl Selector {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            matchers: Vec::new(),
        }
    }

    pub(super) fn with(self, label: &str, value: &str) -> Self {
        self.matched(label, "=", value)
    }

    pub(super) fn without(self, label: &str, value: &str) -> Self {
        self.matched(label, "!=", value)
    }

    /// The whole value fits this regular expression.
    pub(super) fn matching(self, label: &str, expression: &str) -> Self {
        self.matched(label, "=~", expression)
    }

    /// The value, on a dashboard: there, a text with `$` or `[[` can be the name of a variable.
    pub(super) fn with_on_dashboard(self, label: &str, value: &str) -> Self {
        match value.contains('$') || value.contains("[[") {
            true => self.matching(label, &literal(value).replace(r"\$", "[$]")),
            false => self.with(label, value),
        }
    }

    /// A label that Prometheus gave to the target has a value that fits this regular expression.
    pub(super) fn of_target(mut self, label: &str, expression: &str) -> Self {
        let matcher = (label.to_owned(), "=~", expression.to_owned());
        self.matchers.push(matcher);
        self
    }

    /// The label that Prometheus gave to the process.
    #[cfg(feature = "generate")]
    pub(super) fn of_instance(mut self, instance: &str) -> Self {
        let matcher = ("instance".to_owned(), "=", instance.to_owned());
        self.matchers.push(matcher);
        self
    }

    /// The value is one of these.
    pub(super) fn with_one_of(self, label: &str, values: &[&str]) -> Self {
        match values {
            [value] => self.with(label, value),
            values => {
                let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
                self.matching(label, &values.join("|"))
            }
        }
    }

    /// By how much each series grew.
    pub(super) fn increase(&self, range: Range) -> Expr {
        Expr::call("increase", None, self.over(range))
    }

    /// The values in a stretch of time.
    pub(super) fn over(&self, range: Range) -> String {
        format!("{self}[{}]{}", duration(range.length), offset(range.offset))
    }

    /// The values as they were some time ago.
    pub(super) fn ago(&self, time: Duration) -> Expr {
        Expr::whole(format!("{self}{}", offset(time)))
    }

    pub(super) fn now(&self) -> Expr {
        self.ago(Duration::ZERO)
    }

    fn matched(mut self, label: &str, operator: &'static str, value: &str) -> Self {
        let label = as_scraped(label).to_owned();
        self.matchers.push((label, operator, value.to_owned()));
        self
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ("__name__".to_owned(), "=", self.name.clone());
        let is_plain = is_plain(&self.name);
        if is_plain {
            f.write_str(&self.name)?;
        }
        let named = (!is_plain).then_some(&name);
        let mut separator = '{';
        for (label, operator, value) in named.into_iter().chain(&self.matchers) {
            f.write_char(separator)?;
            write!(f, "{label}{operator}\"{}\"", escaped(value))?;
            separator = ',';
        }
        match separator {
            '{' => Ok(()),
            _ => f.write_char('}'),
        }
    }
}

// === impl Range ===

impl Range {
    /// The time until now.
    pub(super) const fn last(length: Duration) -> Self {
        Self {
            length,
            offset: Duration::ZERO,
        }
    }
}

/// The name that a label has in Prometheus: it gives the labels `job` and `instance` to each target that it scrapes, and renames
/// those of the target, unless the scrape has `honor_labels`.
pub(super) fn as_scraped(label: &str) -> &str {
    match label {
        "job" => "exported_job",
        "instance" => "exported_instance",
        label => label,
    }
}

/// A duration with one unit, as Prometheus and Alertmanager read it: whole milliseconds, and no fewer than it has.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000).max(1);
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    format!("{millis}ms")
}

/// Whether a label with this name and value can be matched. No series has other labels.
pub(super) fn can_be_matched(label: &str, value: &str) -> bool {
    is_name(label) && !label.starts_with("__") && !value.is_empty()
}

fn offset(time: Duration) -> String {
    match time {
        Duration::ZERO => String::new(),
        time => format!(" offset {}", duration(time)),
    }
}

/// Whether a name of a metric can stand before the labels. A word without `_` can be one of the language itself.
fn is_plain(name: &str) -> bool {
    name.contains('_') && is_name(&name.replace(':', "_")) && !name.starts_with("group_")
}

fn is_name(name: &str) -> bool {
    let fits = |one: u8| one.is_ascii_alphanumeric() || one == b'_';
    let first = name.bytes().next();
    name.bytes().all(fits) && first.is_some_and(|first| !first.is_ascii_digit())
}

/// A regular expression that fits this text alone.
pub(super) fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for one in text.chars() {
        if r"\.+*?()|[]{}^$".contains(one) {
            literal.push('\\');
        }
        literal.push(one);
    }
    literal
}

/// A text between double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '\\' | '"' => escaped.extend(['\\', one]),
            '\n' => escaped.push_str("\\n"),
            one if one.is_control() => {
                // Writing to a string never fails.
                let _ = write!(escaped, "\\u{:04x}", u32::from(one));
            }
            one => escaped.push(one),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_one_unit() {
        for (nanos, text) in [
            (300_000_000_000, "5m"),
            (90_000_000_000, "90s"),
            (500_000_000, "500ms"),
            (3_600_000_000_000, "1h"),
            (86_400_000_000_000, "24h"),
            (5_400_000_000_000, "90m"),
            (1_500_000, "2ms"),
            (1, "1ms"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn names_and_values_are_quoted_and_escaped() {
        let plain = Selector::new("a_b");
        assert_eq!(plain.to_string(), "a_b");
        let value = "a\"b\\c\nd\te{ü}";
        assert_eq!(
            plain.with("x", value).without("job", "y").to_string(),
            "a_b{x=\"a\\\"b\\\\c\\nd\\u0009e{ü}\",exported_job!=\"y\"}"
        );
        for name in ["inf", "messages.sent", "1_a", "group_left", ""] {
            let text = format!("{{__name__=\"{name}\"}}");
            assert_eq!(Selector::new(name).to_string(), text);
        }
        assert_eq!(Selector::new("a:b_c").to_string(), "a:b_c");
        let edges = Selector::new("a_b").with_one_of("le", &["1000000", "1e+06"]);
        assert_eq!(edges.to_string(), r#"a_b{le=~"1000000|1e\\+06"}"#);
    }
}
