//! Decides who is told what, and when. It has no clock and does nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    notification::{Notification, NotificationKind, Origin},
    readable_map::ReadableMap,
    routes::CheckedRoutes,
};
use crate::alerts::{Alert, AlertState, Evaluation, Fingerprint, Notice};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The most notifications of one alert in an hour. One place is left for its end.
const MOST: usize = 20;

/// The most alerts of which it is stored what was told.
const MOST_STORED: usize = 1_000;

/// Who is told of alerts.
#[derive(Debug)]
pub(crate) struct Dispatch {
    routes: Arc<CheckedRoutes>,
    /// What was told lately. One that ended stays as long as it counts.
    told: BTreeMap<Fingerprint, Told>,
    /// What a later version told.
    other: Map<String, Value>,
    /// The last step changed what a later process needs.
    is_changed: bool,
}

/// What was told of one alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    /// For how long it fires, as long as it does.
    firing_for: Option<Duration>,
    /// Whether it fires, and nobody was told: it was told too often lately.
    is_withheld: bool,
    /// Whether others were told, too, since nobody acknowledged it.
    is_escalated: bool,
    /// How long ago each notification of the last hour was, the oldest first.
    ages: VecDeque<Duration>,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A notification, and the indices of the notifiers that get it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dispatched {
    pub(crate) to: BTreeSet<usize>,
    pub(crate) notification: Notification,
}

/// What a later process goes on with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredTold {
    /// When this was, as wall time since 1970.
    at: Duration,
    told: ReadableMap<Fingerprint, Told>,
}

// === impl Dispatch ===

impl Dispatch {
    pub(crate) fn new(routes: Arc<CheckedRoutes>) -> Self {
        Self {
            routes,
            told: BTreeMap::new(),
            other: Map::new(),
            is_changed: false,
        }
    }

    /// What is told after an evaluation.
    pub(crate) fn step(&mut self, step: &Evaluation<'_>, origin: &Origin) -> Vec<Dispatched> {
        self.pass(step.elapsed);
        self.is_changed = false;
        let told = step.transitions.iter();
        let told = told.filter(|transition| transition.notice == Notice::Tell);
        let mut dispatched: Vec<_> = told
            .filter_map(|transition| self.change(&transition.alert, step, origin))
            .collect();
        let escalated = step.firing.iter();
        dispatched.extend(escalated.filter_map(|alert| self.escalate(alert, step, origin)));
        let firing: BTreeSet<_> = step.firing.iter().map(|alert| alert.fingerprint).collect();
        self.told.retain(|fingerprint, told| {
            // An alert whose end nobody was told of is over, too.
            if !firing.contains(fingerprint) {
                told.firing_for = None;
                told.is_withheld = false;
                told.is_escalated = false;
            }
            told.firing_for.is_some() || told.is_withheld || !told.ages.is_empty()
        });
        self.is_changed |= !dispatched.is_empty();
        // Of what a full queue drops, the worst comes last.
        dispatched.sort_by_key(|one| one.notification.severity);
        dispatched
    }

    /// Whether the last step changed what a later process needs.
    pub(crate) const fn is_changed(&self) -> bool {
        self.is_changed
    }

    fn pass(&mut self, elapsed: Duration) {
        for told in self.told.values_mut() {
            told.pass(elapsed);
        }
    }

    /// What a later process needs to go on. `now` is the wall time since 1970.
    pub(crate) fn stored(&self, now: Duration) -> StoredTold {
        // Those that fire come first.
        let mut told: Vec<_> = self.told.iter().collect();
        told.sort_by_key(|(_, told)| told.firing_for.is_none());
        let told = told.into_iter().take(MOST_STORED);
        StoredTold {
            at: now,
            told: ReadableMap {
                known: told.map(|(one, told)| (*one, told.clone())).collect(),
                other: self.other.clone(),
            },
        }
    }

    /// The same, but what was told here counts more.
    pub(crate) fn add(&mut self, stored: StoredTold, now: Duration) {
        let here = std::mem::take(&mut self.told);
        self.restore(stored, now);
        for (fingerprint, here) in here {
            let before = self.told.insert(fingerprint, here);
            if let Some((told, before)) = self.told.get_mut(&fingerprint).zip(before) {
                told.go_on_with(before);
            }
        }
    }

    /// Goes on with what an earlier process has told.
    pub(crate) fn restore(&mut self, stored: StoredTold, now: Duration) {
        self.told = stored.told.known;
        self.other = stored.told.other;
        self.pass(now.saturating_sub(stored.at));
    }

    fn change(
        &mut self,
        alert: &Alert,
        step: &Evaluation<'_>,
        origin: &Origin,
    ) -> Option<Dispatched> {
        let told = self.told.entry(alert.fingerprint).or_default();
        let mut to = self.routes.of(&alert.name, alert.severity);
        let kind = match alert.state {
            AlertState::Firing => {
                if alert.is_new {
                    told.firing_for = None;
                    told.is_escalated = false;
                }
                if !told.has_room() {
                    told.is_withheld = told.firing_for.is_none();
                    self.is_changed = true;
                    return None;
                }
                told.is_withheld = false;
                match told.firing_for {
                    Some(_) => NotificationKind::Repeated,
                    None => NotificationKind::Firing,
                }
            }
            _ if std::mem::take(&mut told.is_withheld) => {
                self.is_changed = true;
                return None;
            }
            _ => NotificationKind::Resolved,
        };
        if told.is_escalated {
            let escalation = self.routes.escalation(&alert.name, alert.severity);
            to.extend(escalation.into_iter().flat_map(|escalation| escalation.to));
        }
        match kind {
            NotificationKind::Resolved => {
                told.firing_for = None;
                told.is_escalated = false;
            }
            _ => _ = told.firing_for.get_or_insert(Duration::ZERO),
        }
        told.note();
        Some(Dispatched {
            to,
            notification: Notification::of_alert(kind, alert, step.at, origin),
        })
    }

    /// Tells others of an alert that fires for long and that nobody has acknowledged.
    fn escalate(
        &mut self,
        alert: &Alert,
        step: &Evaluation<'_>,
        origin: &Origin,
    ) -> Option<Dispatched> {
        let escalation = self.routes.escalation(&alert.name, alert.severity)?;
        let told = self.told.get_mut(&alert.fingerprint)?;
        let is_due = told.firing_for.is_some_and(|time| time >= escalation.after);
        // What is held after its rule is well again waits for its end.
        let is_open = alert.is_broken && alert.acknowledged_by.is_none() && alert.muted.is_none();
        if !is_due || !is_open || told.is_escalated || !told.has_room() {
            return None;
        }
        told.is_escalated = true;
        told.note();
        Some(Dispatched {
            to: escalation.to,
            notification: Notification::of_alert(
                NotificationKind::Escalated,
                alert,
                step.at,
                origin,
            ),
        })
    }
}

// === impl StoredTold ===

impl StoredTold {
    /// When this was, as wall time since 1970.
    pub(crate) const fn at(&self) -> Duration {
        self.at
    }

    /// Adds what was told at the same time by the other part. If both know an alert, the part for which it fires counts.
    pub(crate) fn with(mut self, other: Self) -> Self {
        for (fingerprint, told) in other.told.known {
            match self.told.known.entry(fingerprint) {
                Entry::Occupied(known) => known.into_mut().go_on_with(told),
                Entry::Vacant(place) => _ = place.insert(told),
            }
        }
        self.told.other.extend(other.told.other);
        self
    }
}

// === impl Told ===

impl Told {
    fn pass(&mut self, elapsed: Duration) {
        if let Some(time) = &mut self.firing_for {
            *time = time.saturating_add(elapsed);
        }
        for age in &mut self.ages {
            *age = age.saturating_add(elapsed);
        }
        while self.ages.front().is_some_and(|age| *age >= HOUR) {
            self.ages.pop_front();
        }
    }

    /// Takes over for how long it fires from who knows that. An instance that is alone forgets it of what others told, and the part
    /// that does not have the alert forgets it, too. If it has ended here, the next step forgets it again.
    fn go_on_with(&mut self, before: Self) {
        if self.firing_for.is_none() && !self.is_withheld {
            self.firing_for = before.firing_for;
            self.is_withheld = before.is_withheld;
            self.is_escalated = before.is_escalated;
        }
    }

    fn has_room(&self) -> bool {
        self.ages.len() + 1 < MOST
    }

    fn note(&mut self) {
        self.ages.push_back(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests;
