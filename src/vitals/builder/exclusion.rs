//! Sets which requests are not observed, by more than their path.

use super::VitalsBuilder;
use crate::exclude::{Rule, Rules};

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
