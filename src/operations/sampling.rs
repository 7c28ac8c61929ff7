//! What each sampler is told: its name, how often it asks, and who gets its values.

use std::{ops::RangeInclusive, time::Duration};

use super::asking;
use crate::{
    config::ConfigError,
    metrics::{Metrics, sampled::Sampled},
};

/// How often a sampler may ask.
const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

/// The settings of a sampler.
#[derive(Clone, Debug)]
pub(super) struct Sampling {
    /// What it asks.
    kind: &'static str,
    pub(super) name: String,
    pub(super) every: Duration,
    /// The counters of the process if `None`.
    pub(super) metrics: Option<Metrics>,
}

// === impl Sampling ===

impl Sampling {
    pub(super) fn new(kind: &'static str, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            every: asking::EVERY,
            metrics: None,
        }
    }

    /// Asks on a thread of its own from now on, first at once. `ask` gets the name.
    ///
    /// # Errors
    ///
    /// As [`checked`](Self::checked), and if the thread cannot start.
    pub(super) fn on_thread(
        self,
        mut ask: impl FnMut(&str) -> Vec<Sampled> + Send + 'static,
    ) -> Result<(), ConfigError> {
        let sampler = self.checked()?;
        let Self {
            name,
            every,
            metrics,
            ..
        } = self;
        asking::on_thread(&sampler, every, metrics.as_ref(), move || ask(&name))
    }

    /// The name of the sampler. Samplers of different kinds are no rivals for a name.
    ///
    /// # Errors
    ///
    /// If the name is empty, or it asks too seldom or too often.
    pub(super) fn checked(&self) -> Result<String, ConfigError> {
        let Self {
            kind, name, every, ..
        } = self;
        if name.is_empty() {
            return Err(ConfigError::new(
                format!("{kind}.name"),
                "",
                "expected a name",
            ));
        }
        if !RANGE.contains(every) {
            let field = format!("{kind}.{name}.every");
            return Err(ConfigError::new(
                field,
                format!("{every:?}"),
                "expected 1s to 1h",
            ));
        }
        Ok(format!("{kind}:{name}"))
    }

    /// # Errors
    ///
    /// If no answer could be in time.
    pub(super) fn check_timeout(&self, timeout: Duration) -> Result<(), ConfigError> {
        if timeout.is_zero() {
            let field = format!("{}.{}.timeout", self.kind, self.name);
            return Err(ConfigError::new(field, "0ns", "expected more than 0s"));
        }
        Ok(())
    }
}
