//! Reads the fields of events and spans as values that each format can show.

use std::{
    error::Error,
    fmt::{self, Write as _},
    iter::successors,
};

use tracing::field::{Field, Visit};

/// The most causes of an error that a line shows. A chain can be a circle.
const MOST_CAUSES: usize = 32;

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Bool(bool),
    F64(f64),
    I64(i64),
    U64(u64),
    Text(&'a str),
    Debug(&'a dyn fmt::Debug),
    /// An error, and the texts of its causes.
    Error(&'a dyn fmt::Debug, &'a [String]),
}

/// Calls a function with each field.
pub(super) struct Each<F>(pub(super) F);

/// The fields of a span, kept for the lines within it.
#[derive(Default)]
pub(super) struct SpanFields(Vec<(&'static str, Kept)>);

/// A value that outlives its call.
enum Kept {
    Bool(bool),
    F64(f64),
    I64(i64),
    U64(u64),
    Text(String),
    Debug(Shown<String>),
    Error(Shown<String>, Vec<String>),
}

/// A text that was formatted already.
pub(super) struct Shown<T>(pub(super) T);

/// The text of a value. `None` if it fails to write itself.
pub(super) fn text(value: &dyn fmt::Debug) -> Option<String> {
    let mut text = String::new();
    write!(text, "{value:?}").ok().map(|()| text)
}

/// The name without the prefix of a raw identifier.
pub(super) fn name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}

// === impl Value ===

impl Value<'_> {
    /// Whether this is such a text.
    pub(super) fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Text(own) => *own == wanted,
            Self::Debug(shown) => text(shown).is_some_and(|own| own == wanted),
            _ => false,
        }
    }

    /// `None` if the value fails to write itself.
    fn keep(self) -> Option<Kept> {
        Some(match self {
            Self::Bool(value) => Kept::Bool(value),
            Self::F64(value) => Kept::F64(value),
            Self::I64(value) => Kept::I64(value),
            Self::U64(value) => Kept::U64(value),
            Self::Text(value) => Kept::Text(value.to_owned()),
            Self::Debug(value) => Kept::Debug(Shown(text(value)?)),
            Self::Error(value, causes) => Kept::Error(Shown(text(value)?), causes.to_vec()),
        })
    }
}

// === impl Each ===

impl<F: FnMut(&Field, Value<'_>)> Visit for Each<F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        (self.0)(field, Value::Text(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        (self.0)(field, Value::Bool(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        (self.0)(field, Value::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        (self.0)(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        (self.0)(field, Value::U64(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes = successors(value.source(), |cause: &&(dyn Error + 'static)| {
            (*cause).source()
        });
        let causes = causes.take(MOST_CAUSES);
        let causes: Vec<_> = causes.filter_map(|cause| text(&Shown(cause))).collect();
        (self.0)(field, Value::Error(&Shown(value), &causes));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        (self.0)(field, Value::Debug(value));
    }
}

// === impl SpanFields ===

impl SpanFields {
    /// What `record` records.
    pub(super) fn new(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut fields = Self::default();
        record(&mut Each(|field: &Field, value: Value<'_>| {
            // These are instructions to an OpenTelemetry layer.
            let name = name(field);
            if !name.starts_with("otel.")
                && let Some(value) = value.keep()
            {
                fields.set(name, value);
            }
        }));
        fields
    }

    /// Adds fields that were recorded later.
    pub(super) fn extend(&mut self, later: Self) {
        for (name, value) in later.0 {
            self.set(name, value);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        self.0.iter().map(|(name, kept)| (*name, kept.value()))
    }

    fn set(&mut self, name: &'static str, value: Kept) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }
}

// === impl Kept ===

impl Kept {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::F64(value) => Value::F64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::U64(value) => Value::U64(*value),
            Self::Text(value) => Value::Text(value),
            Self::Debug(value) => Value::Debug(value),
            Self::Error(value, causes) => Value::Error(value, causes),
        }
    }
}

// === impl Shown ===

impl<T: fmt::Display> fmt::Debug for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
