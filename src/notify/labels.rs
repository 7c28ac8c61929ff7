//! Writes an alert as Alertmanager has them: labels that tell it from others, and annotations that describe it.

use std::collections::BTreeMap;

use super::{notification::Notification, plain, wording};

/// The longest value of a label and of an annotation in one line, in characters.
const LONGEST_VALUE: usize = 1_000;

/// The longest description, in bytes.
const LONGEST_DESCRIPTION: usize = 16_384;

/// The longest address, in bytes.
const LONGEST_LINK: usize = 2_000;

/// The most labels.
const MOST_LABELS: usize = 64;

/// The labels that every alert has, and the one that none has: with it, the same alert of two instances would be two.
const RESERVED: [&str; 5] = [
    "alertname",
    "severity",
    "service",
    "environment",
    "instance",
];

/// The labels: name, severity, service and environment, and those of the alert.
///
/// What is no letter, digit or `_` of ASCII in a name becomes `_`, and a digit at the beginning gets a `_` before it. A label of
/// the alert that has a reserved name gets `exported_` before it. Of labels with the same name, the first one stays. A label
/// without a value is none.
pub(super) fn labels(notification: &Notification) -> BTreeMap<String, String> {
    let origin = &notification.origin;
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), value(&notification.name)),
        ("severity".to_owned(), notification.severity.to_string()),
        ("service".to_owned(), wording::service(origin)),
        ("environment".to_owned(), value(&origin.environment)),
    ]);
    for (name, text) in &notification.labels {
        if labels.len() >= MOST_LABELS {
            break;
        }
        labels.entry(valid(name)).or_insert_with(|| value(text));
    }
    labels.retain(|_, value| !value.is_empty());
    // Alertmanager takes no alert without a name.
    let name = labels.entry("alertname".to_owned());
    name.or_insert_with(|| "unnamed".to_owned());
    labels
}

/// The annotations. The description ends with everything that is known.
pub(super) fn annotations(notification: &Notification) -> BTreeMap<String, String> {
    let facts = wording::fact_lines(notification, LONGEST_LINK);
    let text = plain::bytes(&notification.text, LONGEST_DESCRIPTION);
    let parts = [text, facts];
    let parts = parts.iter().filter(|part| !part.is_empty());
    let description: Vec<_> = parts.map(String::as_str).collect();
    let runbook = notification.runbook.as_deref();
    let runbook = runbook.and_then(|runbook| plain::link(runbook, LONGEST_LINK));
    let annotations = [
        ("summary", value(&wording::headline(notification))),
        ("description", description.join("\n\n")),
        ("runbook_url", runbook.unwrap_or_default().to_owned()),
    ];
    let annotations = annotations.into_iter();
    let annotations = annotations.filter(|(_, value)| !value.is_empty());
    annotations
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Where to look.
pub(super) fn page(notification: &Notification) -> Option<&str> {
    plain::link(notification.origin.url.as_deref()?, LONGEST_LINK)
}

fn value(text: &str) -> String {
    plain::line(text, LONGEST_VALUE)
}

fn valid(name: &str) -> String {
    let keeps = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let name = name.chars().take(LONGEST_VALUE);
    let name: String = name.map(|one| if keeps(one) { one } else { '_' }).collect();
    if RESERVED.contains(&name.as_str()) {
        return format!("exported_{name}");
    }
    match name.starts_with(|one: char| one.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
mod tests;
