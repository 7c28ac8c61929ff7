//! Lets the monitoring API ask all instances.

use std::time::Duration;

use crate::{
    fleet::{FleetHandle, is_word_of_health},
    monitoring::{AskFleet, FleetNumbers, FleetSilence, Instance},
};

/// All instances, for the monitoring API.
pub(super) struct Others(pub(super) FleetHandle);

// === impl Others ===

impl AskFleet for Others {
    fn over(&self, window: Duration) -> Result<FleetNumbers, FleetSilence> {
        let told = self.0.over(window).map_err(|error| FleetSilence {
            reason: error.to_string(),
        })?;
        let instances = told.instances.into_iter().map(|one| Instance {
            id: one.id,
            version: one.version,
            started: one.started,
            last_seen: one.last_seen,
            is_lost: one.is_lost,
            has_ended: one.has_ended,
            requests: one.requests,
            errors: one.errors,
            p50_ms: one.p50_ms,
            p95_ms: one.p95_ms,
            p99_ms: one.p99_ms,
            p95_to_others: one.p95_to_others,
            other_settings: one.other_settings,
            // Redis can hold anything.
            health: one.health.filter(|word| is_word_of_health(word)),
        });
        Ok(FleetNumbers {
            statistics: told.statistics,
            instances: instances.collect(),
            unlisted_starts: told.unlisted_starts,
        })
    }
}
