//! Carries alerts across a restart.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    alert::Transition, engine::Engine, fingerprint::Fingerprint, history::History, part::Part,
    readable::readable, silence::Silences, stored_alert::StoredAlert, stored_fleet::StoredFleet,
    wall_clock::Step,
};

/// Alerts, silences and history, as a later process reads them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stored {
    /// When they were stepped last, as wall time since 1970.
    at: Option<Duration>,
    #[serde(deserialize_with = "readable")]
    pub(super) alerts: Vec<StoredAlert>,
    silences: Silences,
    history: History,
    /// The alerts of the fleet, as this instance saw them last.
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<StoredFleet>,
    /// What of them ended while this instance was alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    alone: Option<EndedAlone>,
}

/// The alerts of the fleet that ended while an instance was alone, and of whose ends the fleet does not know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct EndedAlone {
    /// This instance told that, at these times.
    told: BTreeMap<Fingerprint, Duration>,
    /// Another instance has told that they fire, and must tell the end.
    #[serde(deserialize_with = "readable")]
    untold: Vec<StoredAlert>,
}

// === impl Stored ===

impl Stored {
    /// What has room in so many bytes of JSON. The alerts of the fleet get at most half of them. The rest loses this first:
    ///
    /// 1. History of what has ended, the oldest first.
    /// 2. History of what fires.
    /// 3. Alerts that do not fire.
    /// 4. Alerts that fire, and nobody was told.
    /// 5. Alerts that people were told.
    ///
    /// Silences stay.
    pub(crate) fn within(mut self, bytes: usize) -> Self {
        self.fleet = self.fleet.map(|fleet| fleet.within(bytes / 2));
        let has_room = |stored: &Self| {
            let json = serde_json::to_vec(stored);
            json.is_ok_and(|json| json.len() <= bytes)
        };
        // Those that go first are the last.
        let rank = |alert: &StoredAlert| match &alert.tracked.firing {
            Some(firing) if firing.is_told => 0,
            Some(_) => 1,
            None => 2,
        };
        self.alerts.sort_by_key(rank);
        while !has_room(&self) && (self.history.forget_half() || !self.alerts.is_empty()) {
            if self.history.is_empty() {
                self.alerts.truncate(self.alerts.len() / 2);
            }
        }
        self
    }
}

// === impl Engine ===

impl Engine {
    /// What a later process needs to go on.
    pub(crate) fn stored(&self) -> Stored {
        let (part, fleet, alone) = match self.is_in_fleet {
            true => {
                let alone = EndedAlone {
                    told: self.fleet.ended_here.clone(),
                    untold: self.fleet.unfinished.clone(),
                };
                let mut fleet = self.stored_fleet();
                fleet.promise(|alert| self.fleet.promised.contains_key(alert));
                (Part::Local, Some(fleet), Some(alone))
            }
            false => (Part::All, None, None),
        };
        Stored {
            at: self.at,
            alerts: self.stored_alerts(part),
            silences: self.silences.clone(),
            history: self.history.clone(),
            fleet,
            alone,
        }
    }

    pub(super) fn stored_alerts(&self, part: Part) -> Vec<StoredAlert> {
        let all = self.rules.iter().zip(&self.alerts);
        let all = all.filter(|(rule, _)| part.has(rule));
        let alerts = all.flat_map(|(rule, alerts)| {
            let of_rule = alerts.iter();
            of_rule.map(|(labels, tracked)| StoredAlert::new(rule, labels, tracked.clone()))
        });
        alerts.collect()
    }

    /// Goes on with the alerts of an earlier process. To be called before the first step. An alert that fired goes on firing
    /// until its rule has not been broken for its time. If its rule is gone, it has ended now.
    pub(crate) fn restore(&mut self, mut stored: Stored, now: Duration) -> Vec<Transition> {
        // The wall clock was set back while no process ran, or was wrong before.
        let last = stored.fleet.as_ref().and_then(StoredFleet::at);
        let back = last.max(stored.at).and_then(|last| last.checked_sub(now));
        if let Some(fleet) = stored.fleet.take() {
            match self.is_in_fleet {
                true => {
                    self.mirror(fleet, now);
                    let alone = stored.alone.unwrap_or_default();
                    self.fleet.ended_here = alone.told;
                    self.fleet.unfinished = alone.untold;
                }
                // The service is no fleet any more, so it goes on alone with all of them.
                false => {
                    stored.history.add(fleet.history);
                    stored.alerts.extend(fleet.alerts.known);
                    let unknown = fleet.unknown.known.into_iter();
                    stored.alerts.extend(unknown.map(|one| one.alert));
                }
            }
        }
        self.silences = stored.silences;
        self.history = stored.history;
        self.at = stored.at;
        self.is_restored = true;
        let step = back.map(Step::Back);
        if let Some(step) = step {
            self.shift(step);
        }
        let mut ended = Vec::new();
        for mut alert in stored.alerts {
            if let Some(step) = step {
                alert.tracked.shift(step);
            }
            let mut rules = self.rules.iter().zip(&mut self.alerts);
            match rules.find(|(rule, _)| *rule.name == *alert.rule) {
                Some((rule, alerts)) => {
                    let (labels, mut tracked) = alert.into_tracked();
                    if self.is_in_fleet && Part::Fleet.has(rule) {
                        // There was no fleet before, so this instance has told it and tells its end.
                        tracked.own();
                    }
                    alerts.insert(labels, tracked);
                }
                None => ended.extend(alert.end(&mut self.history, now)),
            }
        }
        // What has no alert any more has no end, either.
        let part = if self.is_in_fleet {
            Part::Local
        } else {
            Part::All
        };
        let firing = self.firing_of(part);
        let firing = firing.into_iter().map(|alert| alert.fingerprint);
        let firing: HashSet<_> = firing.collect();
        self.history
            .end_all_but(|entry| firing.contains(&entry.fingerprint), now);
        ended
    }
}
