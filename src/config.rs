//! Says which setting is wrong, with its value, before a request is ever served.

use std::{error::Error, fmt};

/// A setting that cannot work, found where it is made.
///
/// Prints as `field: invalid value "value": reason`, fit for the last line of a program that refuses to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: String,
    value: String,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(
        field: impl Into<String>,
        value: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            value: value.into(),
            reason: reason.into(),
        }
    }

    /// The same fault, found in a setting of another name: `exclude[2]` becomes `NAME[2]`.
    pub(crate) fn within(mut self, name: &str) -> Self {
        let index = self.field.find('[').map_or("", |at| &self.field[at..]);
        self.field = format!("{name}{index}");
        self
    }

    /// The setting: a builder's field such as `exclude[2]`, or an environment variable.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value that was refused, as given.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            reason,
        } = self;
        write!(f, "{field}: invalid value {value:?}: {reason}")
    }
}

impl Error for ConfigError {}
