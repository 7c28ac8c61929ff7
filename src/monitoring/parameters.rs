//! Reads the parameters of a request.

use std::{borrow::Cow, collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::refusal::Refusal;
use crate::text;

/// The longest query, in bytes.
const LONGEST: usize = 4_096;

/// The parameters of a request, each once.
#[derive(Debug, Default)]
pub(super) struct Parameters<'q> {
    given: BTreeMap<Cow<'q, str>, Cow<'q, str>>,
}

// === impl Parameters ===

impl<'q> Parameters<'q> {
    /// Reads a query, with parameters of these names only.
    pub(super) fn parse(query: Option<&'q str>, known: &[&str]) -> Result<Self, Refusal> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            let sentence = format!("the query is longer than {LONGEST} bytes");
            return Err(Refusal::bad(sentence));
        }
        let mut given = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let name = text::printable(&name, 256);
                let known = match known {
                    [] => "there are none here".to_owned(),
                    known => format!("expected {}", known.join(", ")),
                };
                return Err(Refusal::bad(format!(
                    "unknown parameter \"{name}\": {known}"
                )));
            }
            if given.contains_key(&name) {
                return Err(Refusal::bad(format!("{name}: given more than once")));
            }
            given.insert(name, value);
        }
        Ok(Self { given })
    }

    /// A parameter, if it is given.
    pub(super) fn one<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.given.get(name) else {
            return Ok(None);
        };
        match parse(value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(Refusal::bad_value(name, value, expected)),
        }
    }

    /// A whole number, or what it is by default.
    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Refusal> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.one(name, &expected, |text| {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            let number = is_number.then(|| text.parse().ok()).flatten();
            number.filter(|number| range.contains(number))
        })?;
        Ok(number.unwrap_or(default))
    }
}

/// A time above 0 such as `500ms`, `30s`, `5m`, `1h` or `1d`, in whole numbers. A number alone is one of seconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    let end = text.find(|one: char| !one.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    if number.starts_with('0') {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(query: &str) -> Result<u64, String> {
        let parameters = Parameters::parse(Some(query), &["hours", "sort"]);
        let hours = parameters.and_then(|all| all.number("hours", 1..=168, 24));
        hours.map_err(|refusal| refusal.sentence.into_owned())
    }

    #[test]
    fn a_bad_parameter_is_refused_with_its_name_and_value() {
        for (query, hours_or_sentence) in [
            ("", Ok(24)),
            ("hours=1", Ok(1)),
            ("hours=168", Ok(168)),
            ("&&hours=7&", Ok(7)),
            ("%68ours=7", Ok(7)),
            ("hours=0", Err("\"0\"")),
            ("hours=169", Err("\"169\"")),
            ("hours=1000000000000000000", Err("\"1000000000000000000\"")),
            (
                "hours=99999999999999999999999",
                Err("\"99999999999999999999999\""),
            ),
            ("hours=-1", Err("\"-1\"")),
            ("hours=%2B1", Err("\"+1\"")),
            ("hours=1.5", Err("\"1.5\"")),
            ("hours=NaN", Err("\"NaN\"")),
            ("hours=", Err("\"\"")),
            ("hours", Err("\"\"")),
            ("hours=+1", Err("\" 1\"")),
            ("hours=1%00", Err(r#""1\u{0}""#)),
            ("hours=%FF", Err(r#""\u{fffd}""#)),
            ("hours=\u{661}", Err("\"\u{661}\"")),
        ] {
            let expected = hours_or_sentence.map_err(|value| {
                format!("hours: invalid value {value}: expected a whole number from 1 to 168")
            });
            assert_eq!(hours(query), expected, "{query}");
        }
        for (query, sentence) in [
            ("hours=1&hours=1", "hours: given more than once"),
            (
                "hour=1",
                r#"unknown parameter "hour": expected hours, sort"#,
            ),
            ("=1", r#"unknown parameter "": expected hours, sort"#),
        ] {
            assert_eq!(hours(query), Err(sentence.to_owned()), "{query}");
        }
        let none = Parameters::parse(Some("a=1"), &[]).unwrap_err();
        assert_eq!(
            none.sentence,
            r#"unknown parameter "a": there are none here"#
        );
    }

    #[test]
    fn a_long_value_is_shortened_and_a_long_query_is_not_read() {
        let long = hours(&format!("hours={}", "9".repeat(4_000))).unwrap_err();
        let shown = format!("hours: invalid value \"{}…\": ", "9".repeat(256));
        assert!(long.starts_with(&shown), "{long}");
        let longer = hours(&format!("hours={}", "9".repeat(64 << 10))).unwrap_err();
        assert_eq!(longer, "the query is longer than 4096 bytes");
    }

    #[test]
    fn a_time_has_a_unit_or_is_one_of_seconds() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("30", Some(30_000)),
            ("30s", Some(30_000)),
            ("1", Some(1_000)),
            ("5m", Some(300_000)),
            ("36h", Some(129_600_000)),
            ("1d", Some(86_400_000)),
            ("0", None),
            ("0s", None),
            ("05m", None),
            ("0.5", None),
            ("1.5h", None),
            ("", None),
            ("m", None),
            (".", None),
            ("1.2.3", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            ("5 m", None),
            ("5M", None),
            ("5m5", None),
            ("99999999999999999999999999999999999d", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(time(&"9".repeat(4_000)), None);
    }
}
