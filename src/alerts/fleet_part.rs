//! Keeps what an instance shares with others: the state of the alerts of the fleet, and who tells the end of which.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use super::{
    alert::{Alert, Notice, Transition},
    checked::CheckedRule,
    fingerprint::{Fingerprint, Labels},
    history::History,
    state::{AlertState, ResolveReason},
    stored_alert::{StoredAlert, Unknown},
    tracked::{Firing, Tick, Tracked},
    wall_clock::Step,
};

/// What is known of the alerts of the fleet beside their states.
#[derive(Debug, Default)]
pub(super) struct FleetPart {
    /// Of which moment the states are, in the time of the fleet.
    pub(super) at: Option<Duration>,
    pub(super) history: History,
    /// Alerts of rules that this instance does not have: an instance of another version evaluated them.
    pub(super) unknown: Vec<Unknown>,
    /// This instance evaluates for itself, since it does not reach Redis.
    pub(super) is_alone: bool,
    /// What ended here while this instance was alone, and another one must tell it.
    pub(super) unfinished: Vec<StoredAlert>,
    /// What ended, and this instance told that, since the fleet had all of what it knows.
    pub(super) ended_here: BTreeMap<Fingerprint, Duration>,
    /// What this instance told alone, and what another one does not know to be told. This one tells its end.
    pub(super) promised: BTreeMap<Fingerprint, Alert>,
    /// What was pending before this instance was alone.
    pub(super) together: Together,
    /// How many alerts had no place at the last step.
    pub(super) left_out: u64,
    pub(super) later: Later,
}

/// What a later version wrote. It is handed on as it is.
#[derive(Debug, Default)]
pub(super) struct Later {
    pub(super) alerts: Vec<Value>,
    pub(super) unknown: Vec<Value>,
    pub(super) more: Map<String, Value>,
}

/// What was pending when the numbers of all instances were judged last.
#[derive(Clone, Debug, Default)]
pub(super) struct Together {
    pub(super) at: Option<Duration>,
    pub(super) pending: Vec<StoredAlert>,
}

/// Whether another instance told that it fires, so that this one does not tell of it while it is alone. `ended` is how it fired,
/// if it has just ended.
pub(super) fn is_of_another(tracked: &Tracked, ended: Option<&(Firing, ResolveReason)>) -> bool {
    let ended = ended.map(|(firing, _)| firing);
    let firing = tracked.firing.as_ref().or(ended);
    firing.is_some_and(|firing| firing.is_told && !firing.is_own)
}

// === impl FleetPart ===

impl FleetPart {
    /// The next step is now.
    pub(super) fn stepped(&mut self, tick: &Tick) {
        self.at = Some(tick.at);
        for unfinished in &mut self.unfinished {
            unfinished.tracked.pass(tick.elapsed);
        }
    }

    /// Notes what this instance told alone, and what it did not tell.
    pub(super) fn note_alone(
        &mut self,
        rule: &CheckedRule,
        labels: &Labels,
        tracked: &mut Tracked,
        transition: &Transition,
        ended: Option<(Firing, ResolveReason)>,
    ) {
        let is_told = transition.notice == Notice::Tell;
        let fingerprint = transition.alert.fingerprint;
        if let Some(firing) = tracked.firing.as_mut().filter(|_| is_told) {
            firing.is_own = true;
            self.ended_here.remove(&fingerprint);
        }
        let Some((firing, _)) = ended.filter(|(firing, _)| firing.is_told) else {
            return;
        };
        if is_told {
            self.ended_here.insert(fingerprint, tracked.since);
        } else {
            let alert = StoredAlert::new(rule, labels, Tracked::going_on(firing));
            self.unfinished.push(alert);
        }
    }

    /// Notes what this instance tells while it is in charge. The fleet has it only once it is written.
    pub(super) fn note_in_charge(&mut self, transition: &Transition) {
        let fingerprint = transition.alert.fingerprint;
        match transition.alert.state {
            AlertState::Resolved if transition.notice == Notice::Tell => {
                let at = transition.alert.since.since_1970();
                self.ended_here.insert(fingerprint, at);
            }
            AlertState::Firing => {
                self.ended_here.remove(&fingerprint);
            }
            _ => {}
        }
    }

    /// This instance is in charge again. The fleet does not have yet what it told alone.
    pub(super) fn take_charge(&mut self) {
        self.is_alone = false;
        self.unfinished.clear();
    }

    /// Forgets what was told here: the fleet has it.
    pub(super) fn forget_alone(&mut self) {
        self.take_charge();
        self.ended_here.clear();
        self.together = Together::default();
    }

    /// The end of an alert that this instance told alone.
    pub(super) fn end_of(&self, alert: Alert, now: Duration) -> Transition {
        let reason = self.history.reason_of(alert.fingerprint);
        Transition {
            alert: alert.ended(now, reason.unwrap_or(ResolveReason::Recovered)),
            from: AlertState::Firing,
            notice: Notice::Tell,
        }
    }

    /// The clock was set.
    pub(super) fn shift(&mut self, step: Step) {
        step.apply(&mut self.at);
        self.history.shift(step);
        for unfinished in &mut self.unfinished {
            unfinished.tracked.shift(step);
        }
        step.apply(self.ended_here.values_mut());
        for unknown in &mut self.unknown {
            unknown.shift(step);
        }
    }
}

// === impl Together ===

impl Together {
    pub(super) fn new(at: Option<Duration>, mut alerts: Vec<StoredAlert>) -> Self {
        alerts.retain(|alert| alert.tracked.state == AlertState::Pending);
        Self {
            at,
            pending: alerts,
        }
    }
}
