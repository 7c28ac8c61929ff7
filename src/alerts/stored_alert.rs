//! Keeps an alert as others go on with it: a later process, or another instance.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    checked::CheckedRule,
    fingerprint::{Fingerprint, Labels},
    tracked::Tracked,
    wall_clock::Step,
};

/// An alert, as a later process or another instance reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredAlert {
    pub(super) rule: String,
    #[serde(default)]
    pub(super) labels: Labels,
    pub(super) tracked: Tracked,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// An alert of a rule that an instance does not have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unknown {
    /// When somebody who has the rule evaluated it last, in the time of the fleet.
    pub(super) since: Duration,
    pub(super) alert: StoredAlert,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

// === impl StoredAlert ===

impl StoredAlert {
    pub(super) fn new(rule: &CheckedRule, labels: &Labels, tracked: Tracked) -> Self {
        Self {
            rule: rule.name.as_ref().to_owned(),
            labels: labels.clone(),
            more: tracked.beside.clone(),
            tracked,
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.rule, &self.labels)
    }

    /// The alert as an engine keeps it.
    pub(super) fn into_tracked(mut self) -> (Labels, Tracked) {
        self.tracked.beside = self.more;
        (self.labels, self.tracked)
    }
}

// === impl Unknown ===

impl Unknown {
    pub(super) fn new(since: Duration, alert: StoredAlert) -> Self {
        Self {
            since,
            alert,
            more: Map::new(),
        }
    }

    /// The clock was set.
    pub(super) fn shift(&mut self, step: Step) {
        step.apply([&mut self.since]);
        self.alert.tracked.shift(step);
    }
}
