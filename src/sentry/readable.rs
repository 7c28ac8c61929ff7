//! Reads an item back from JSON, without the fields that do not fit its type.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The item. It is `None` only if a field is missing that it cannot be without. An application can give a field of its own the
/// name of a field of the protocol, and scrubbing can make a text of an address or a number.
pub(super) fn read<T: DeserializeOwned>(json: Value) -> Option<T> {
    if let Ok(item) = T::deserialize(&json) {
        return Some(item);
    }
    let fits = |json: &Value| match T::deserialize(json) {
        Ok(_) => true,
        // It is still to come.
        Err(error) => error.to_string().starts_with("missing field"),
    };
    // Borrowed, too: to read owned JSON as well would be another 380 KB of code.
    T::deserialize(&fitting(json, &fits)?).ok()
}

/// What of `json` fits.
fn fitting(json: Value, fits: &dyn Fn(&Value) -> bool) -> Option<Value> {
    if fits(&json) {
        return Some(json);
    }
    let kept: Value = match json {
        Value::Object(fields) => fitting_fields(fields, fits).into(),
        Value::Array(values) => fitting_values(values, fits).into(),
        _ => return None,
    };
    fits(&kept).then_some(kept)
}

fn fitting_fields(
    mut fields: Map<String, Value>,
    fits: &dyn Fn(&Value) -> bool,
) -> Map<String, Value> {
    let mut kept = Map::new();
    // The type goes first: it says what fits of the others.
    let kind = fields.remove_entry("type");
    for (name, value) in kind.into_iter().chain(fields) {
        let within = |value: &Value| {
            let mut with = kept.clone();
            with.insert(name.clone(), value.clone());
            fits(&with.into())
        };
        if let Some(value) = fitting(value, &within) {
            kept.insert(name, value);
        }
    }
    kept
}

fn fitting_values(values: Vec<Value>, fits: &dyn Fn(&Value) -> bool) -> Vec<Value> {
    let mut kept = Vec::new();
    for value in values {
        let within = |value: &Value| {
            let mut with = kept.clone();
            with.push(value.clone());
            fits(&with.into())
        };
        if let Some(value) = fitting(value, &within) {
            kept.push(value);
        }
    }
    kept
}
