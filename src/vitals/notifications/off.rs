//! Stands in for notifiers without feature `notify`: nobody is told.

use std::time::Duration;

use super::{
    Deployment,
    alerting::{Alerting, CheckedAlerting},
    lately::Lately,
};
#[cfg(feature = "statistics")]
use crate::doctor::NotifierFacts;
#[cfg(feature = "generate")]
use crate::generate::Generated;
#[cfg(all(feature = "health", feature = "statistics"))]
use crate::monitoring::{Deliveries, Delivery};
use crate::{
    config::{ConfigError, Environment},
    metrics::Metrics,
    release::Release,
};

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NotificationSettings;

/// There are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedNotifications;

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notifications;

// === impl NotificationSettings ===

impl NotificationSettings {
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
    pub(super) const fn checked(
        self,
        _: &CheckedAlerting,
    ) -> Result<CheckedNotifications, ConfigError> {
        Ok(CheckedNotifications)
    }
}

// === impl CheckedNotifications ===

impl CheckedNotifications {
    #[cfg(feature = "generate")]
    pub(super) const fn generated(&self, generated: Generated) -> Generated {
        generated
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the threads that these stand in for can fail to start"
    )]
    pub(super) const fn start(
        self,
        _: &Release,
        _: &Lately,
        _: &Metrics,
    ) -> Result<Notifications, ConfigError> {
        Ok(Notifications)
    }
}

// === impl Notifications ===

impl Notifications {
    pub(super) const fn hear(&self, _: &Alerting) {}

    pub(super) const fn deployed(&self, _: &Deployment, _: &str, _: f64) {}

    pub(super) const fn flush(&self, _: Duration) -> u64 {
        0
    }

    #[cfg(feature = "health")]
    pub(super) const fn end(&self, _: Duration) -> u64 {
        0
    }

    #[cfg(feature = "health")]
    pub(super) const fn pending(&self) -> u64 {
        0
    }

    pub(super) const fn is_on(&self) -> bool {
        false
    }

    #[cfg(feature = "statistics")]
    pub(super) const fn facts(&self, _: &Alerting, _: &Metrics) -> Option<Vec<NotifierFacts>> {
        None
    }

    #[cfg(feature = "statistics")]
    pub(super) const fn have_page(&self) -> bool {
        false
    }

    #[cfg(feature = "statistics")]
    pub(super) const fn test(&self) -> Vec<(String, Result<(), String>)> {
        Vec::new()
    }
}

#[cfg(all(feature = "health", feature = "statistics"))]
impl Deliveries for Notifications {
    fn deliveries(&self) -> Vec<Delivery> {
        Vec::new()
    }
}
