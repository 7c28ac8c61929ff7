//! A setting in effect, and where it came from.

use serde::Serialize;

/// A setting in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// Its name, as the builder or an error of `build` has it.
    pub name: String,
    /// Its value. Of a secret and of a path only `set` or `not set`.
    pub value: String,
    /// Where it came from.
    pub source: SettingSource,
    /// The environment variable, if it came from one.
    pub variable: Option<String>,
}

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingSource {
    /// An environment variable, which a function such as [`Vitals::from_env`](crate::Vitals::from_env) has read.
    Environment,
    /// The application has set it.
    Code,
    /// Nobody has set it, or somebody has set it to its default.
    Default,
}

// === impl Setting ===

impl Setting {
    /// A setting of the environment if `variable` is there, else of the code.
    pub(crate) fn of(
        name: impl Into<String>,
        value: impl Into<String>,
        variable: Option<&str>,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            source: match variable {
                Some(_) => SettingSource::Environment,
                None => SettingSource::Code,
            },
            variable: variable.map(str::to_owned),
        }
    }

    pub(crate) fn default(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            source: SettingSource::Default,
            ..Self::of(name, value, None)
        }
    }
}
