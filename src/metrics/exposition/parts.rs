//! Writes the parts of a sample that hold texts: labels and exemplars.

use super::{
    super::samples::{Exemplar, Labels},
    numbers::push_float,
};

pub(super) fn push_labels(text: &mut String, labels: &Labels<'_>) {
    push_open_labels(text, labels, None);
    if !labels.is_empty() {
        text.push('}');
    }
}

/// The labels without the closing brace. Nothing if there are none. The name that is `taken` by another label is changed, as
/// Prometheus changes those of a target's own.
pub(super) fn push_open_labels(text: &mut String, labels: &Labels<'_>, taken: Option<&str>) {
    let mut before = '{';
    for (name, value) in labels {
        text.push(before);
        if taken == Some(*name) {
            let mut other = format!("exported_{name}");
            while labels.iter().any(|(name, _)| *name == other) {
                other.insert_str(0, "exported_");
            }
            text.push_str(&other);
        } else {
            text.push_str(name);
        }
        text.push_str("=\"");
        push_escaped(text, value, true);
        text.push('"');
        before = ',';
    }
}

/// All other characters stand for themselves, in both formats.
pub(super) fn push_escaped(text: &mut String, value: &str, quotes: bool) {
    let mut rest = value;
    let special = |one: u8| matches!(one, b'\\' | b'\n') || (quotes && one == b'"');
    while let Some(at) = rest.bytes().position(special) {
        let (plain, others) = rest.split_at(at);
        text.push_str(plain);
        text.push('\\');
        let mut others = others.chars();
        match others.next() {
            Some('\n') => text.push('n'),
            Some(other) => text.push(other),
            None => {}
        }
        rest = others.as_str();
    }
    text.push_str(rest);
}

/// An example behind a bucket. One that OpenMetrics would not take is left out.
pub(super) fn push_exemplar(text: &mut String, exemplar: &Exemplar) {
    let id = str::from_utf8(&exemplar.trace_id).unwrap_or_default();
    let is_id = id.bytes().all(|one| one.is_ascii_hexdigit()) && !id.is_empty();
    if !is_id || !exemplar.value.is_finite() || !exemplar.at.is_finite() {
        return;
    }
    text.push_str(" # {trace_id=\"");
    text.push_str(id);
    text.push_str("\"} ");
    push_float(text, exemplar.value);
    text.push(' ');
    push_float(text, exemplar.at);
}
