//! Makes names and labels that Prometheus takes from those of the application.

use std::borrow::Cow;

use metrics::{Key, Label};

use super::super::samples::Kind;
use crate::text::shortened;

/// The longest name, in bytes. What is longer is cut.
const LONGEST_NAME: usize = 200;

/// The longest value of a label, in bytes. What is longer is cut.
const LONGEST_VALUE: usize = 1_024;

/// The most labels of a series. The others are left out.
const MOST_LABELS: usize = 64;

/// The name under which a family is shown.
///
/// All but ASCII letters, digits, `_` and `:` becomes `_`. A digit at the beginning gets a `_` before it. More than one `_` at the
/// beginning becomes one, since Prometheus keeps `__` for itself. No name becomes `unnamed`.
pub(super) fn family(name: &str) -> Cow<'_, str> {
    clean(name, b":")
}

/// The key under which a series is shown. A key that is shown stays as it is, so no name is changed twice.
///
/// Names of labels are changed as those of families, and have no colon. `le` and `quantile` are names of Prometheus, and become
/// `exported_le` and `exported_quantile`. A label without a value is none for Prometheus. Of labels with the same name, the one
/// with the smallest value stays, so that their order makes no difference.
pub(super) fn shown(key: &Key) -> Cow<'_, Key> {
    if is_shown(key) {
        return Cow::Borrowed(key);
    }
    let labels = key.labels();
    let labels = labels.map(|one| (label(one.key()), value(one.value())));
    let mut labels: Vec<_> = labels.filter(|(_, value)| !value.is_empty()).collect();
    labels.sort();
    labels.dedup_by(|one, before| one.0 == before.0);
    labels.truncate(MOST_LABELS);
    let labels = labels.into_iter();
    let labels = labels.map(|(name, value)| Label::new(name.into_owned(), value.into_owned()));
    let name = family(key.name()).into_owned();
    Cow::Owned(Key::from_parts(name, labels.collect::<Vec<_>>()))
}

/// The names that the samples of a family have, the same in both formats.
pub(super) fn of_samples(family: &str, kind: Kind) -> Vec<String> {
    let suffixes = kind.suffixes().iter();
    suffixes.map(|suffix| format!("{family}{suffix}")).collect()
}

fn is_shown(key: &Key) -> bool {
    let is_unchanged = |one: &Label| {
        let value = one.value();
        matches!(label(one.key()), Cow::Borrowed(_))
            && !value.is_empty()
            && value.len() <= LONGEST_VALUE
    };
    let is_alone = |(index, one): (usize, &Label)| {
        let mut rest = key.labels().skip(index + 1);
        rest.all(|other| other.key() != one.key())
    };
    matches!(family(key.name()), Cow::Borrowed(_))
        && key.labels().len() <= MOST_LABELS
        && key.labels().all(is_unchanged)
        && key.labels().enumerate().all(is_alone)
}

fn label(name: &str) -> Cow<'_, str> {
    let name = clean(name, b"");
    if matches!(&*name, "le" | "quantile") {
        return Cow::Owned(format!("exported_{name}"));
    }
    name
}

/// A value that is not too long. What is cut ends with an ellipsis, and is not cut again.
fn value(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST_VALUE {
        return Cow::Borrowed(value);
    }
    shortened(value, LONGEST_VALUE - '…'.len_utf8())
}

/// A name of ASCII letters, digits, `_`, and what is `also` allowed.
fn clean<'a>(name: &'a str, also: &[u8]) -> Cow<'a, str> {
    let fits = |one: u8| one.is_ascii_alphanumeric() || one == b'_' || also.contains(&one);
    let begins_with_digit = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
    let is_clean = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with("__")
        && !begins_with_digit(name)
        && name.bytes().all(fits);
    if is_clean {
        return Cow::Borrowed(name);
    }
    if name.is_empty() {
        return Cow::Owned("unnamed".to_owned());
    }
    let fitting = |one: char| u8::try_from(one).is_ok_and(fits);
    let chars = name.chars().take(LONGEST_NAME);
    let chars: String = chars
        .map(|one| if fitting(one) { one } else { '_' })
        .collect();
    let rest = chars.trim_start_matches('_');
    let mut clean = if rest.len() < chars.len() || begins_with_digit(rest) {
        format!("_{rest}")
    } else {
        chars
    };
    clean.truncate(LONGEST_NAME);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[(&str, &str)]) -> String {
        let label = |(name, value): &(&str, &str)| Label::new(name.to_string(), value.to_string());
        let key = Key::from_parts("x", labels.iter().map(label).collect::<Vec<_>>());
        let shown = shown(&key);
        let shown = shown.labels();
        let shown: Vec<_> = shown
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        shown.join(",")
    }

    #[test]
    fn names_become_names_of_prometheus() {
        let cases = [
            ("orders_created_total", "orders_created_total"),
            ("job:latency:p95", "job:latency:p95"),
            ("_own", "_own"),
            ("messages.sent", "messages_sent"),
            ("api-calls groq/success", "api_calls_groq_success"),
            ("1abc", "_1abc"),
            ("__x", "_x"),
            ("__1", "_1"),
            ("..x", "_x"),
            ("größe", "gr__e"),
            ("\u{1F600}", "_"),
            ("__", "_"),
            ("", "unnamed"),
        ];
        for (name, expected) in cases {
            assert_eq!(family(name), expected, "{name:?}");
        }
        let long = "x".repeat(1_000_000);
        assert_eq!(family(&long), "x".repeat(200));
        let long = format!("1{}", "x".repeat(300));
        assert_eq!(family(&long), format!("_1{}", "x".repeat(198)));
    }

    #[test]
    fn labels_become_labels_of_prometheus() {
        assert_eq!(labels(&[("tenant.id", "7")]), "tenant_id=7");
        assert_eq!(labels(&[("a:b", "7")]), "a_b=7");
        let reserved = labels(&[("le", "1"), ("quantile", "2"), ("__name__", "3")]);
        assert_eq!(reserved, "_name__=3,exported_le=1,exported_quantile=2");
        assert_eq!(labels(&[("a", ""), ("b", "\n\0\"}")]), "b=\n\0\"}");
    }

    #[test]
    fn of_labels_with_one_name_one_stays_in_whatever_order_they_come() {
        for twice in [[("a.b", "2"), ("a_b", "1")], [("a_b", "1"), ("a_b", "2")]] {
            let [one, other] = twice;
            assert_eq!(labels(&[one, other]), "a_b=1");
            assert_eq!(labels(&[other, one]), "a_b=1");
        }
    }

    #[test]
    fn long_values_and_many_labels_are_cut() {
        let value = "é".repeat(500_000);
        let expected = format!("a={}…", "é".repeat(510));
        assert_eq!(labels(&[("a", &value)]), expected);
        let names: Vec<_> = (0..100).map(|n| format!("n{n:03}")).collect();
        let all: Vec<_> = names.iter().map(|name| (&**name, "x")).collect();
        assert_eq!(labels(&all).split(',').count(), 64);
        assert!(labels(&all).ends_with("n063=x"));
    }

    #[test]
    fn whatever_the_application_calls_it_it_is_shown_and_stays_so() {
        let chars: Vec<_> = "_:.a1Zé\0\n\u{2028}\"{}le".chars().collect();
        let text = || -> String {
            let length = fastrand::usize(0..6);
            (0..length)
                .map(|_| fastrand::choice(&chars).unwrap())
                .collect()
        };
        let is_name = |name: &str, also: &str| {
            let fits = |one: char| one.is_ascii_alphanumeric() || one == '_' || also.contains(one);
            let first = name.chars().next().unwrap();
            name.chars().all(fits) && !first.is_ascii_digit() && !name.starts_with("__")
        };
        for _ in 0..20_000 {
            let labels = (0..fastrand::usize(0..4)).map(|_| Label::new(text(), text()));
            let key = Key::from_parts(text(), labels.collect::<Vec<_>>());
            let once = shown(&key);
            assert!(is_name(once.name(), ":"), "{key}");
            let mut names: Vec<_> = once.labels().map(Label::key).collect();
            assert!(names.iter().all(|name| is_name(name, "")), "{key}");
            assert!(!names.contains(&"le"), "{key}");
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{key}");
            assert!(matches!(shown(&once), Cow::Borrowed(_)), "{key}");
        }
    }
}
