//! Stands in for what instances share without feature `fleet`: each is alone.

#[cfg(all(feature = "health", feature = "statistics"))]
use std::sync::Arc;

use super::{
    alerting::Alerting,
    lately::Lately,
    telling::{Heard, Telling},
};
#[cfg(feature = "statistics")]
use crate::doctor::FleetFacts;
#[cfg(all(feature = "health", feature = "statistics"))]
use crate::monitoring::AskFleet;
use crate::{config::ConfigError, health::HealthService, metrics::Metrics, release::Release};

/// Nothing is shared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing;

// === impl Sharing ===

impl Sharing {
    #[expect(clippy::unnecessary_wraps, reason = "what it stands in for can fail")]
    pub(super) const fn start(
        _: &Lately,
        _: &Alerting,
        _: &Metrics,
        _: &Release,
        _: Option<&HealthService>,
    ) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    pub(super) fn note(&self, _: Telling, then: impl FnOnce(Heard) + Send + 'static) {
        then(Heard::Alone);
    }

    #[cfg(all(feature = "health", feature = "statistics"))]
    pub(super) const fn others(&self) -> Option<Arc<dyn AskFleet>> {
        None
    }

    #[cfg(feature = "statistics")]
    pub(super) const fn facts(&self) -> Option<FleetFacts> {
        None
    }
}
