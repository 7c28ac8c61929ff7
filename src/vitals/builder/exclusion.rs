//! Sets which requests are not observed, by more than their path.

use super::VitalsBuilder;
use crate::{
    config::ConfigError,
    exclude::{Exclusion, Patterns, Rule, Rules},
};

impl VitalsBuilder {
    /// The [rules](Rule) by which requests are not observed, beside the patterns of [`exclude`](Self::exclude). They replace
    /// earlier ones. Defaults to none.
    ///
    /// A client chooses its method and its headers: see [`Rule`] for what it can hide so, and what it cannot.
    pub fn exclude_rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.exclude_rules = Rules::new(rules);
        self
    }
}

/// What is not observed, if all of it can work.
pub(super) fn of(
    patterns: Result<Patterns, ConfigError>,
    rules: Result<Rules, ConfigError>,
) -> Result<Exclusion, ConfigError> {
    Ok(Exclusion {
        patterns: patterns?,
        rules: rules?,
    })
}
