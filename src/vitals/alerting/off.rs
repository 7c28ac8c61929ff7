//! Stands in for alerts without feature `statistics`: there are none.

use super::lately::Lately;
use crate::{
    config::{ConfigError, Environment},
    health::HealthService,
    metrics::{Metrics, Recorder, Settings},
};

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AlertingSettings;

/// There are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedAlerting;

/// Nothing is evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alerting;

// === impl AlertingSettings ===

impl AlertingSettings {
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
    pub(super) const fn checked(self) -> Result<CheckedAlerting, ConfigError> {
        Ok(CheckedAlerting)
    }
}

// === impl CheckedAlerting ===

impl CheckedAlerting {
    pub(super) const fn published_by(&self, settings: Settings) -> Settings {
        settings
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the rules that these stand in for can be bad"
    )]
    pub(super) const fn check_names(
        &self,
        _: Option<&HealthService>,
        _: &Metrics,
        _: Recorder,
    ) -> Result<(), ConfigError> {
        Ok(())
    }

    pub(super) const fn with(self, _: &Lately, _: &Metrics) -> Alerting {
        Alerting
    }
}

// === impl Alerting ===

impl Alerting {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the thread that these stand in for can fail to start"
    )]
    pub(super) const fn start(&self, _: Option<&HealthService>) -> Result<(), ConfigError> {
        Ok(())
    }

    pub(super) const fn are_on(&self) -> bool {
        false
    }
}
