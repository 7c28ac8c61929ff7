//! Shows all alerts, and takes who has seen one.

use std::{sync::Arc, time::Duration};

use super::{
    alert::{Alert, Muted},
    engine::Engine,
    fingerprint::Fingerprint,
    notices::is_inhibited,
    state::AlertState,
    tracked::Acknowledged,
};
use crate::config::ConfigError;

// === impl Engine ===

impl Engine {
    /// All alerts that are not inactive, in the order of their rules.
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let critical = self.critical();
        let now = self.at.unwrap_or_default();
        let all = self.rules.iter().zip(&self.alerts);
        let all = all.flat_map(|(rule, alerts)| {
            alerts
                .iter()
                .map(move |(labels, tracked)| (rule, labels, tracked))
        });
        let shown = all.filter(|(_, _, tracked)| tracked.state != AlertState::Inactive);
        shown
            .map(|(rule, labels, tracked)| {
                let mut alert = Alert::new(rule, labels, tracked);
                let untold = tracked.firing.as_ref().filter(|firing| !firing.is_told);
                let flapping = (!tracked.can_be_told()).then_some(Muted::Flapping);
                alert.muted = match self.silences.of(rule, labels, now) {
                    Some(id) => Some(Muted::Silenced(id)),
                    None if is_inhibited(rule, labels, &critical) => Some(Muted::Inhibited),
                    None => untold.and_then(|firing| match firing.acknowledged {
                        Some(_) => Some(Muted::Acknowledged),
                        None => flapping,
                    }),
                };
                alert
            })
            .collect()
    }

    /// The alerts that fire.
    pub(crate) fn firing(&self) -> Vec<Alert> {
        let mut alerts = self.alerts();
        alerts.retain(|alert| alert.state == AlertState::Firing);
        alerts
    }

    /// The state of each rule: that of its worst alert.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&Arc<str>, AlertState)> {
        let all = self.rules.iter().zip(&self.alerts);
        all.map(|(rule, alerts)| {
            let states = alerts.values().map(|tracked| tracked.state);
            let worst = states.max_by_key(|state| state.rank());
            (&rule.name, worst.unwrap_or_default())
        })
    }

    /// Notes that somebody has seen a firing alert: it is not told again until it has stopped.
    pub(crate) fn acknowledge(
        &mut self,
        fingerprint: Fingerprint,
        by: &str,
        at: Duration,
    ) -> Result<Alert, ConfigError> {
        if by.len() > 1_000 {
            let length = format!("{} bytes", by.len());
            return Err(ConfigError::new("by", length, "at most 1000 bytes"));
        }
        for (rule, alerts) in self.rules.iter().zip(&mut self.alerts) {
            for (labels, tracked) in alerts {
                if Fingerprint::of(&rule.name, labels) != fingerprint {
                    continue;
                }
                if let Some(firing) = &mut tracked.firing {
                    let by = by.to_owned();
                    firing.acknowledged.get_or_insert(Acknowledged { by, at });
                    return Ok(Alert::new(rule, labels, tracked));
                }
            }
        }
        let reason = "no alert with this fingerprint fires";
        Err(ConfigError::new(
            "fingerprint",
            fingerprint.to_string(),
            reason,
        ))
    }
}
