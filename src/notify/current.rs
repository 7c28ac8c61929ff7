//! Keeps the state of all alerts, for notifiers that take it whole after each evaluation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::notification::{Notification, NotificationKind, Origin};
use crate::alerts::{Alert, AlertState, Evaluation, Fingerprint, Muted, Notice};

/// How long the end of an alert is told.
const TOLD_FOR: Duration = Duration::from_secs(15 * 60);

/// The alerts that were told, and those that have ended lately.
#[derive(Debug, Default)]
pub(super) struct Current {
    firing: BTreeSet<Fingerprint>,
    /// With how long ago it ended.
    ended: BTreeMap<Fingerprint, (Duration, Notification)>,
}

// === impl Current ===

impl Current {
    /// Goes on with what another instance has told: these alerts.
    pub(super) fn going_on(firing: BTreeSet<Fingerprint>) -> Self {
        Self {
            firing,
            ..Self::default()
        }
    }

    /// The alerts that were told.
    pub(super) const fn firing(&self) -> &BTreeSet<Fingerprint> {
        &self.firing
    }

    /// The state after an evaluation: each alert that fires and that nothing mutes, and each that has ended lately.
    pub(super) fn step(
        &mut self,
        evaluation: &Evaluation<'_>,
        origin: &Origin,
    ) -> Vec<Notification> {
        let again_in = Some(evaluation.interval);
        let shown = |kind, alert: &Alert| Notification {
            again_in,
            ..Notification::of_alert(kind, alert, evaluation.at, origin)
        };
        self.ended.retain(|_, (age, _)| {
            *age = age.saturating_add(evaluation.elapsed);
            *age < TOLD_FOR
        });
        for transition in evaluation.transitions {
            let alert = &transition.alert;
            let was_told = self.firing.contains(&alert.fingerprint);
            if alert.state != AlertState::Firing && (was_told || transition.notice == Notice::Tell)
            {
                let ended = shown(NotificationKind::Resolved, alert);
                self.ended
                    .insert(alert.fingerprint, (Duration::ZERO, ended));
            }
        }
        let is_muted = |alert: &Alert| match alert.muted {
            // It may be over already, or it is over unless its rule is broken again.
            Some(Muted::Elsewhere | Muted::Untold) => true,
            Some(muted) => matches!(muted, Muted::Silenced(_) | Muted::Inhibited),
            None => false,
        };
        // One that is muted later is told on: else Alertmanager would say that it has ended.
        let before = &self.firing;
        let is_heard = |alert: &&Alert| !is_muted(alert) || before.contains(&alert.fingerprint);
        let firing = evaluation.firing.iter().filter(is_heard);
        let mut state: Vec<_> = firing
            .map(|alert| shown(NotificationKind::Firing, alert))
            .collect();
        self.firing = state.iter().filter_map(|one| one.fingerprint).collect();
        self.ended.retain(|ended, _| !self.firing.contains(ended));
        state.extend(self.ended.values().map(|(_, ended)| ended.clone()));
        state
    }
}

#[cfg(test)]
mod tests;
