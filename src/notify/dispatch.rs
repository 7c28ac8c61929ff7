//! Decides who is told what, and when. It has no clock and does nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    notification::{Ended, Notification, NotificationKind, Origin},
    routes::CheckedRoutes,
};
use crate::{
    alerts::{Alert, AlertState, Fingerprint, Notice, Transition},
    statistics::WallTime,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The most notifications of one alert in an hour. One place is left for its end.
const MOST: usize = 20;

/// Who is told of alerts.
#[derive(Debug)]
pub(crate) struct Dispatch {
    routes: CheckedRoutes,
    /// What was told lately. One that ended stays as long as it counts.
    told: BTreeMap<Fingerprint, Told>,
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
}

/// A notification, and the indices of the notifiers that get it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dispatched {
    pub(crate) to: BTreeSet<usize>,
    pub(crate) notification: Notification,
}

/// One evaluation.
pub(crate) struct Step<'s> {
    /// The time since the last one.
    pub(crate) elapsed: Duration,
    pub(crate) at: WallTime,
    pub(crate) transitions: &'s [Transition],
    /// All alerts that fire now.
    pub(crate) firing: &'s [Alert],
    pub(crate) origin: &'s Origin,
}

// === impl Dispatch ===

impl Dispatch {
    pub(crate) const fn new(routes: CheckedRoutes) -> Self {
        Self {
            routes,
            told: BTreeMap::new(),
        }
    }

    /// What is told after an evaluation.
    pub(crate) fn step(&mut self, step: &Step<'_>) -> Vec<Dispatched> {
        for told in self.told.values_mut() {
            told.pass(step.elapsed);
        }
        let told = step.transitions.iter();
        let told = told.filter(|transition| transition.notice == Notice::Tell);
        let mut dispatched: Vec<_> = told
            .filter_map(|transition| self.change(&transition.alert, step))
            .collect();
        let escalated = step.firing.iter();
        dispatched.extend(escalated.filter_map(|alert| self.escalate(alert, step)));
        let firing: BTreeSet<_> = step.firing.iter().map(|alert| alert.fingerprint).collect();
        self.told.retain(|fingerprint, told| {
            // An alert whose end nobody was told of is over, too.
            if !firing.contains(fingerprint) {
                told.firing_for = None;
                told.is_withheld = false;
            }
            told.firing_for.is_some() || told.is_withheld || !told.ages.is_empty()
        });
        dispatched
    }

    fn change(&mut self, alert: &Alert, step: &Step<'_>) -> Option<Dispatched> {
        let told = self.told.entry(alert.fingerprint).or_default();
        let mut to = self.routes.of(&alert.name, alert.severity);
        let kind = match alert.state {
            AlertState::Firing => {
                if !told.has_room() {
                    told.is_withheld = told.firing_for.is_none();
                    return None;
                }
                told.is_withheld = false;
                match told.firing_for {
                    Some(_) => NotificationKind::Repeated,
                    None => NotificationKind::Firing,
                }
            }
            _ if std::mem::take(&mut told.is_withheld) => return None,
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
            notification: notification(kind, alert, step),
        })
    }

    /// Tells others of an alert that fires for long and that nobody has acknowledged.
    fn escalate(&mut self, alert: &Alert, step: &Step<'_>) -> Option<Dispatched> {
        let escalation = self.routes.escalation(&alert.name, alert.severity)?;
        let told = self.told.get_mut(&alert.fingerprint)?;
        let is_due = told.firing_for.is_some_and(|time| time >= escalation.after);
        let is_open = alert.acknowledged_by.is_none() && alert.muted.is_none();
        if !is_due || !is_open || told.is_escalated || !told.has_room() {
            return None;
        }
        told.is_escalated = true;
        told.note();
        Some(Dispatched {
            to: escalation.to,
            notification: notification(NotificationKind::Escalated, alert, step),
        })
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

    fn has_room(&self) -> bool {
        self.ages.len() + 1 < MOST
    }

    fn note(&mut self) {
        self.ages.push_back(Duration::ZERO);
    }
}

fn notification(kind: NotificationKind, alert: &Alert, step: &Step<'_>) -> Notification {
    let ended = match kind {
        NotificationKind::Resolved => alert.resolved_at.zip(alert.resolve_reason),
        _ => None,
    };
    let fired_at = alert.fired_at;
    Notification {
        kind,
        fingerprint: Some(alert.fingerprint),
        severity: alert.severity,
        name: alert.name.clone(),
        summary: alert.message.clone(),
        text: alert.summary.clone(),
        labels: alert.labels.clone(),
        signal: Some(alert.signal.clone()),
        value: alert.value,
        threshold: Some(alert.threshold),
        at: step.at,
        fired_at,
        ended: ended.map(|(at, reason)| Ended {
            at,
            after: fired_at.map_or(Duration::ZERO, |from| {
                at.since_1970().saturating_sub(from.since_1970())
            }),
            reason,
        }),
        again_in: None,
        runbook: alert.runbook.clone(),
        origin: step.origin.clone(),
    }
}

#[cfg(test)]
mod tests;
