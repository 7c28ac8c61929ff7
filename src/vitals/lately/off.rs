//! Stands in for statistics without feature `statistics`: nothing is kept.

use std::time::Duration;

use super::Deployment;
use crate::{
    config::{ConfigError, Environment},
    metrics::Metrics,
    release::Release,
};

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LatelySettings;

/// There are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedLately;

/// Nothing is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lately;

// === impl LatelySettings ===

impl LatelySettings {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the settings that these stand in for can be bad"
    )]
    pub(super) const fn from_environment(_: &Environment<'_>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the settings that these stand in for can be bad"
    )]
    pub(super) const fn checked(self) -> Result<CheckedLately, ConfigError> {
        Ok(CheckedLately)
    }
}

// === impl Lately ===

impl Lately {
    pub(super) const fn start(_: CheckedLately, _: &Metrics, _: &Release) -> Self {
        Self
    }

    pub(super) const fn deployed(&self, _: &Deployment, _: &str, _: f64) -> bool {
        true
    }

    pub(super) const fn has_file(&self) -> bool {
        false
    }

    #[cfg(feature = "health")]
    pub(super) const fn save(&self, _: Duration) -> bool {
        true
    }

    pub(super) const fn end(&self, _: Duration) -> bool {
        true
    }
}
