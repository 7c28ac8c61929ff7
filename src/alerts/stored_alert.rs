//! Keeps an alert as others go on with it: a later process, or another instance.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    alert::{Alert, Muted, Notice, Transition},
    checked::CheckedRule,
    fingerprint::{Fingerprint, Labels},
    history::{History, HistoryEntry},
    severity::AlertSeverity,
    state::{AlertState, ResolveReason},
    tracked::Tracked,
    wall_clock::Step,
};

/// An alert, as a later process or another instance reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredAlert {
    pub(super) rule: String,
    #[serde(default)]
    pub(super) labels: Labels,
    /// How bad it is, for who does not have its rule. `None` if an earlier version wrote it.
    #[serde(default)]
    severity: Option<AlertSeverity>,
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
            severity: Some(rule.severity),
            more: tracked.beside.clone(),
            tracked,
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.rule, &self.labels)
    }

    /// Whether this history has its end.
    pub(super) fn has_ended_in(&self, history: &History) -> bool {
        let firing = self.tracked.firing.as_ref();
        firing.is_some_and(|firing| history.has_end(self.fingerprint(), firing.fired_at))
    }

    /// The end of an alert whose rule is gone, noted in its history. `None` if it does not fire, or if its end is there already.
    pub(super) fn end(&self, history: &mut History, now: Duration) -> Option<Transition> {
        let firing = self.tracked.firing.as_ref()?;
        let fingerprint = self.fingerprint();
        if self.has_ended_in(history) {
            return None;
        }
        if !history.is_open(fingerprint) {
            // Its entry had no room. Who was told hears the end all the same.
            let severity = self.severity.unwrap_or(AlertSeverity::Critical);
            let (name, labels) = (&self.rule, &self.labels);
            history.note(HistoryEntry::unknown(
                name,
                labels,
                severity,
                firing.fired_at,
            ));
        }
        let entry = history.resolved(fingerprint, now, ResolveReason::RuleRemoved)?;
        let alert = Alert::of_entry(entry);
        Some(Transition {
            alert,
            from: AlertState::Firing,
            notice: match firing.is_told {
                true => Notice::Tell,
                false => Notice::Muted(Muted::Untold),
            },
        })
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
