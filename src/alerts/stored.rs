//! Carries alerts across a restart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    engine::Engine,
    fingerprint::{Fingerprint, Labels},
    history::History,
    silence::Silences,
    tracked::Tracked,
};

/// Alerts, silences and history, as a later process reads them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stored {
    /// When they were stepped last, as wall time since 1970.
    at: Option<Duration>,
    alerts: Vec<StoredAlert>,
    silences: Silences,
    history: History,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredAlert {
    rule: String,
    #[serde(default)]
    labels: Labels,
    tracked: Tracked,
}

// === impl Stored ===

impl Stored {
    /// What has room in so many bytes of JSON. The oldest entries of the history go first, and then all alerts that do not fire.
    pub(crate) fn within(mut self, bytes: usize) -> Self {
        let has_room = |stored: &Self| {
            let json = serde_json::to_vec(stored);
            json.is_ok_and(|json| json.len() <= bytes)
        };
        while !has_room(&self) {
            if self.history.forget_half() {
                continue;
            }
            if self
                .alerts
                .iter()
                .all(|alert| alert.tracked.firing.is_some())
            {
                return Self::default();
            }
            self.alerts.retain(|alert| alert.tracked.firing.is_some());
        }
        self
    }
}

// === impl Engine ===

impl Engine {
    /// What a later process needs to go on.
    pub(crate) fn stored(&self) -> Stored {
        let all = self.rules.iter().zip(&self.alerts);
        let alerts = all.flat_map(|(rule, alerts)| {
            alerts.iter().map(|(labels, tracked)| StoredAlert {
                rule: rule.name.as_ref().to_owned(),
                labels: labels.clone(),
                tracked: tracked.clone(),
            })
        });
        Stored {
            at: self.at,
            alerts: alerts.collect(),
            silences: self.silences.clone(),
            history: self.history.clone(),
        }
    }

    /// Goes on with the alerts of an earlier process. To be called before the first step. An alert that fired goes on firing
    /// until its rule has not been broken for its time. If its rule is gone, it ends at the next step.
    pub(crate) fn restore(&mut self, stored: Stored) {
        for alert in stored.alerts {
            let mut rules = self.rules.iter();
            let index = rules.position(|rule| *rule.name == *alert.rule);
            let place = index.and_then(|index| self.alerts.get_mut(index));
            match (place, &alert.tracked.firing) {
                (Some(alerts), _) => {
                    alerts.insert(alert.labels, alert.tracked);
                }
                (None, Some(firing)) => {
                    let fingerprint = Fingerprint::of(&alert.rule, &alert.labels);
                    self.removed.push((fingerprint, firing.is_told));
                }
                (None, None) => {}
            }
        }
        self.silences = stored.silences;
        self.history = stored.history;
        self.at = stored.at;
        self.is_restored = true;
    }
}
