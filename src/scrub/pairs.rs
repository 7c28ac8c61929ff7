//! Recognises names of secrets that stand beside their values: `{"name": "password", "value": …}`, `["password", …]`.

use std::cell::LazyCell;

use serde_json::{Map, Value};

use super::{counts, letters, names};

/// Ends of names of fields that hold a name.
pub(super) const NAMES: &[&str] = &[
    "name",
    "key",
    "field",
    "header",
    "label",
    "attribute",
    "param",
    "parameter",
    "property",
    "variable",
    "column",
    "option",
];

/// Ends of names of fields that hold the value of that name.
pub(super) const VALUES: &[&str] = &[
    "value", "values", "val", "content", "data", "text", "default",
];

/// Other names of fields that hold it: as errors show what they refused, and of statements and questions.
const OTHER_VALUES: &[&str] = &[
    "v",
    "input",
    "got",
    "actual",
    "found",
    "given",
    "received",
    "rejected",
    "provided",
    "supplied",
    "submitted",
    "rows",
    "variables",
    "example",
    "vstr",
    "params",
    "parameters",
    "args",
    "arguments",
    "bindings",
    "binds",
];

/// The most values of an object that can be counts.
const MOST_COUNTS: usize = 4;

/// The longest text that is a name, in bytes. A sentence can mention a secret without being its name.
const LONGEST_NAME: usize = 64;

/// Whether a field of the object names a secret, whose value is in another field.
pub(super) fn names_a_secret(fields: &Map<String, Value>, keys: &[String]) -> bool {
    let beside = |other: &str| fields.contains_key(other);
    // Once for all names, and few values: else each name would be compared with each field.
    let values = LazyCell::new(|| {
        let values = fields.iter().filter(|(name, _)| is_value(name));
        let values: Vec<_> = values.map(|(_, value)| value).collect();
        (values.len() <= MOST_COUNTS).then_some(values)
    });
    fields
        .iter()
        .any(|(name, value)| match (name.as_str(), value) {
            ("id" | "type", value) if beside("value") => is_name(value, keys),
            // A patch of JSON, and what a validation refused.
            ("path", Value::String(path)) if beside("op") || beside("value") => {
                let last = path.rsplit(['/', '.']).next().unwrap_or_default();
                is_name(&last.into(), keys)
            }
            // A question of GraphQL, and a statement of SQL.
            ("query" | "sql" | "statement", Value::String(query)) => names::are_in(query, keys),
            // The way to a field, and the names of several values.
            (name, Value::Array(names)) => {
                let several = name.strip_suffix('s').unwrap_or(name);
                (["loc", "path"].contains(&name) || holds_name(several))
                    && names.iter().any(|name| is_name(name, keys))
            }
            (name, Value::String(text)) => {
                let counts = || {
                    let mut values = values.iter().flatten().peekable();
                    values.peek().is_some() && values.all(|value| is_count(text, value, keys))
                };
                holds_name(name) && is_name(value, keys) && !counts()
            }
            _ => false,
        })
}

/// Whether a field holds the value of a pair.
pub(super) fn is_value(name: &str) -> bool {
    let name = letters(name);
    OTHER_VALUES.contains(&&*name) || VALUES.iter().any(|ending| name.ends_with(ending))
}

/// As [`is_value`], and no other field of a log line is called so.
pub(super) fn is_called_value(name: &str) -> bool {
    let name = letters(name);
    ["v", "input", "got", "received", "rejected"].contains(&&*name)
        || ["value", "values", "val"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// For each value whether its name stands before it: in a pair, in a list of names and values in
/// turn, or in a list of the arguments of a command.
pub(super) fn named_values(values: &[Value], keys: &[String]) -> Vec<bool> {
    let is_option = |value: &Value| {
        let text = value.as_str();
        text.is_some_and(|text| text.starts_with('-') && !text.contains('='))
    };
    let pairs = values.len().is_multiple_of(2);
    let named = |at: usize, name: &Value, value: &Value| {
        // An option follows another without a value.
        let option = is_option(name);
        (pairs && at.is_multiple_of(2) || option)
            && is_name(name, keys)
            && !name
                .as_str()
                .is_some_and(|name| is_count(name, value, keys))
            && !(option && value.as_str().is_some_and(|text| text.starts_with("--")))
    };
    let first = values.first().map(|_| false);
    let names = values.windows(2).enumerate();
    let others = names.map(|(at, two)| named(at, &two[0], &two[1]));
    first.into_iter().chain(others).collect()
}

/// Whether the value is a secret, by the name of its field.
pub(super) fn is_secret(name: &str, value: &Value, keys: &[String]) -> bool {
    names::is_secret(name, keys) && !is_count(name, value, keys)
}

/// As [`counts::is_count`]. The value can be an attribute.
fn is_count(name: &str, value: &Value, keys: &[String]) -> bool {
    match value {
        Value::String(text) => counts::is_count(name, text, keys),
        Value::Number(number) => counts::is_count(name, &number.to_string(), keys),
        Value::Object(fields) if is_attribute(fields) => is_count(name, &fields["value"], keys),
        // `completion_tokens_details` has the parts of a count.
        Value::Object(fields) => {
            counts::counts(name, keys)
                && fields.iter().all(|(name, value)| {
                    value.is_null() || value.is_number() && is_count(name, value, keys)
                })
        }
        _ => false,
    }
}

/// Whether the object is a value and its type, as attributes of logs and of metrics are.
pub(super) fn is_attribute(fields: &Map<String, Value>) -> bool {
    fields.len() == 2 && fields.contains_key("value") && fields.contains_key("type")
}

fn holds_name(name: &str) -> bool {
    let name = letters(name);
    name == "k" || NAMES.iter().any(|ending| name.ends_with(ending))
}

fn is_name(value: &Value, keys: &[String]) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() <= LONGEST_NAME
            && !text.contains(char::is_whitespace)
            && names::is_secret(text, keys)
    })
}
