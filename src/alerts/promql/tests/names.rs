//! Which names of metrics and labels are told.

use super::{rules::every_rule, *};
use crate::metrics::catalog::{self, Entry};

/// What expressions consist of beside metrics, their labels and their ranges.
const WORDS: [&str; 19] = [
    "absent_over_time",
    "and",
    "bool",
    "by",
    "clamp_min",
    "count",
    "group",
    "histogram_quantile",
    "increase",
    "last_over_time",
    "max",
    "max_over_time",
    "offset",
    "on",
    "or",
    "sum",
    "time",
    "unless",
    "without",
];

/// The names of the metrics in an expression, with those of the labels that are matched.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | ':');
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut rest = expression;
    let mut in_braces = false;
    while let Some(one) = rest.chars().next() {
        let length = rest.find(|other| !is_word(other)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(one.len_utf8()));
        rest = after;
        match one {
            '{' | '}' => in_braces = one == '{',
            // A value ends with the next quote that is not escaped.
            '"' => loop {
                let end = rest.find(['"', '\\']).unwrap();
                let is_end = rest.as_bytes()[end] == b'"';
                rest = &rest[if is_end { end + 1 } else { end + 2 }..];
                if is_end {
                    break;
                }
            },
            '[' => rest = rest.split_once(']').unwrap().1,
            one if !is_word(one) || one.is_ascii_digit() => {}
            _ if in_braces => found.last_mut().unwrap().1.push(word.to_owned()),
            _ if ["by", "without", "on"].contains(&word) => {
                rest = rest.split_once(')').unwrap().1;
            }
            _ if WORDS.contains(&word) => {}
            _ => found.push((word.to_owned(), Vec::new())),
        }
    }
    found
}

#[test]
fn every_selector_has_a_name_and_labels_of_the_catalog() {
    let mut seen = 0;
    for settings in [
        Settings::new(),
        otel(),
        named(),
        named().names(Names::OpenTelemetry),
    ] {
        let constant: Vec<_> = settings.naming.labels().map(|(name, _)| name).collect();
        let family = |sample: &str| {
            let spelled = catalog::all().filter_map(|entry: &Entry| {
                let spelling = entry.spelling(settings.names)?;
                let rest = sample.strip_prefix(&*settings.naming.name(spelling.name))?;
                entry.kind.suffixes().contains(&rest).then_some(spelling)
            });
            spelled.last()
        };
        for rule in every_rule() {
            if matches!(rule.signal.kind, Kind::Own(_)) {
                continue;
            }
            let Promql::Signal { value, breach } = told(&rule, &settings) else {
                continue;
            };
            for (name, labels) in selectors(&format!("{value} + {breach}")) {
                let family = family(&name);
                let family = family.unwrap_or_else(|| panic!("{name} in {breach}"));
                for label in labels {
                    let label = label.trim_start_matches("exported_");
                    let known = family.labels.contains(&label) || constant.contains(&label);
                    assert!(known || label == "le", "{label} of {name} in {breach}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
}
