//! Finds secrets in a list that is the arguments of a command: `["mysql", "-phunter2"]`.

use std::ops::Range;

use serde_json::Value;

use super::{FILTERED, Scrubbing, names};

// === impl Scrubbing ===

impl Scrubbing {
    /// Filters in place what only the other arguments betray. The list is read as the text in which code prints it.
    pub(super) fn scrub_arguments(&self, values: &mut [Value]) {
        for value in values.iter_mut() {
            if let Value::String(argument) = value {
                self.scrub_assignment(argument);
            }
        }
        if !is_command(values) {
            return;
        }
        let mut text = String::from("[");
        let mut places = Vec::new();
        for value in values.iter() {
            let begin = text.len();
            text.push_str(&value.to_string());
            places.push(begin..text.len());
            text.push_str(", ");
        }
        let Some(kept) = self.pass(&text) else {
            return;
        };
        let changed = changed(text.as_bytes(), kept.as_bytes());
        for (value, place) in values.iter_mut().zip(places) {
            let is_changed = place.start < changed.end && changed.start < place.end;
            if is_changed && (value.is_string() || value.is_number()) {
                *value = FILTERED.into();
            }
        }
    }

    /// Filters all after the name of a secret in `DB_PASSWORD=correct horse`: an argument ends nowhere before.
    fn scrub_assignment(&self, argument: &mut String) {
        let Some((name, value)) = argument.split_once('=') else {
            return;
        };
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        if is_name && value.contains(' ') && names::is_secret(name, &self.keys) {
            *argument = format!("{name}={FILTERED}");
        }
    }
}

/// Whether the list can be a command and its arguments. A list of whole command lines is none: the options of one are not those
/// of another.
fn is_command(values: &[Value]) -> bool {
    let program = values.first().and_then(Value::as_str);
    values.len() > 1
        && program.is_some_and(|program| !program.contains(char::is_whitespace))
        && !values
            .iter()
            .any(|value| value.is_array() || value.is_object())
}

/// Which bytes of `before` are others in `after`.
fn changed(before: &[u8], after: &[u8]) -> Range<usize> {
    let alike = |(one, other): &(&u8, &u8)| one == other;
    let begin = before.iter().zip(after).take_while(alike).count();
    let (rest, other) = (&before[begin..], &after[begin..]);
    let end = rest.iter().rev().zip(other.iter().rev());
    begin..before.len() - end.take_while(alike).count()
}
