//! Sets the probes, and how long a shutdown may take.

use std::time::Duration;

use super::VitalsBuilder;
use crate::health::HealthService;

impl VitalsBuilder {
    /// The probes that [`Vitals::routes`](crate::Vitals::routes) serves.
    /// [`Vitals::shutdown_signal`](crate::Vitals::shutdown_signal) fails their readiness first. Defaults to none.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn health(mut self, health: HealthService) -> Self {
        self.health = Some(health);
        self
    }

    /// How long readiness fails before [`Vitals::shutdown_signal`](crate::Vitals::shutdown_signal) resolves. Defaults to 5 s.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.shutdown.delay = delay;
        self
    }

    /// How long after the signal [`Vitals::run`](crate::Vitals::run) drops the server. Defaults to 25 s.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.shutdown.deadline = deadline;
        self
    }
}
