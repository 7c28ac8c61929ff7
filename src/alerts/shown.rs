//! Shows all alerts, and takes who has seen one.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    alert::{Alert, Muted},
    checked::CheckedRule,
    engine::Engine,
    fingerprint::Fingerprint,
    fleet_part::is_of_another,
    notices::is_inhibited,
    part::Part,
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
        let alone = |rule: &CheckedRule| self.fleet.is_alone && Part::Fleet.has(rule);
        let all = all.flat_map(|(rule, alerts)| {
            alerts
                .iter()
                .map(move |(labels, tracked)| (rule, labels, tracked))
        });
        let shown = all.filter(|(_, _, tracked)| tracked.state != AlertState::Inactive);
        shown
            .map(|(rule, labels, tracked)| {
                let mut alert = Alert::new(rule, labels, tracked);
                alert.alone = alone(rule);
                let flapping = (!tracked.can_be_told()).then_some(Muted::Flapping);
                alert.muted = match self.silences.of(rule, labels, now) {
                    Some(id) => Some(Muted::Silenced(id)),
                    None if is_inhibited(rule, labels, &critical) => Some(Muted::Inhibited),
                    None => tracked
                        .firing
                        .as_ref()
                        .and_then(|firing| match firing.is_told {
                            true => firing.is_awaited().then_some(Muted::Elsewhere),
                            false if !firing.is_broken() => Some(Muted::Untold),
                            false if firing.acknowledged.is_some() => Some(Muted::Acknowledged),
                            false => flapping,
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

    /// The alerts of a part that fire, and of which this instance tells.
    pub(crate) fn firing_of(&self, part: Part) -> Vec<Alert> {
        if part == Part::All {
            return self.firing();
        }
        let of_part = self.rules.iter().zip(&self.alerts);
        let of_part = of_part.filter(|(rule, _)| part.has(rule));
        let is_alone = part == Part::Fleet && self.fleet.is_alone;
        let told: HashSet<_> = of_part
            .flat_map(|(rule, alerts)| {
                let here = alerts.iter();
                let here = here.filter(|(_, one)| !is_alone || !is_of_another(one, None));
                here.map(|(labels, _)| Fingerprint::of(&rule.name, labels))
            })
            .collect();
        let mut firing = self.firing();
        firing.retain(|alert| told.contains(&alert.fingerprint));
        firing
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

    /// Whether it is an alert of the fleet.
    pub(crate) fn is_of_fleet(&self, fingerprint: Fingerprint) -> bool {
        let all = self.rules.iter().zip(&self.alerts);
        let mut all = all.filter(|(rule, _)| Part::Fleet.has(rule));
        all.any(|(rule, alerts)| {
            let mut all = alerts.keys();
            all.any(|labels| Fingerprint::of(&rule.name, labels) == fingerprint)
        })
    }

    /// Somebody has seen an alert, and another instance was told so.
    pub(crate) fn acknowledged_elsewhere(&mut self, fingerprint: Fingerprint, seen: &Acknowledged) {
        let all = self.rules.iter().zip(&mut self.alerts);
        for (rule, alerts) in all.filter(|(rule, _)| Part::Fleet.has(rule)) {
            let all = alerts.iter_mut();
            let found =
                all.filter(|(labels, _)| Fingerprint::of(&rule.name, labels) == fingerprint);
            found.for_each(|(_, tracked)| tracked.seen_elsewhere(seen));
        }
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
