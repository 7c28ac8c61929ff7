//! Reads settings, and names the setting and the value that cannot work.

mod environment;
mod header_name;
pub(crate) mod resource_attributes;
mod variables;

use std::{error::Error, fmt};

#[cfg(any(feature = "sentry", feature = "statistics"))]
pub(crate) use self::variables::Variables;
pub(crate) use self::{environment::Environment, header_name::header_name};

/// A setting that cannot work. It is found when the setting is made or when the stack is built.
///
/// It prints as `field: invalid value "value": reason`: the last line of a program that refuses to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: String,
    value: String,
    reason: String,
}

// === impl ConfigError ===

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

    /// The same error for a setting with another name: `exclude[2]` becomes `NAME[2]`.
    pub(crate) fn within(mut self, name: &str) -> Self {
        let index = self.field.find('[').map_or("", |at| &self.field[at..]);
        self.field = format!("{name}{index}");
        self
    }

    /// The setting: a field of a builder such as `exclude[2]`, or an environment variable.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// The refused value, as given.
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
