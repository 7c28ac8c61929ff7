//! Shows an alert, and what changed.

use serde::Serialize;

use super::{
    checked::CheckedRule,
    fingerprint::{Fingerprint, Labels},
    severity::AlertSeverity,
    state::{AlertState, ResolveReason},
    tracked::Tracked,
};
use crate::statistics::WallTime;

/// An alert at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// Tells it from all others, in every process.
    pub fingerprint: Fingerprint,
    /// The name of its rule.
    pub name: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The state in which it is.
    pub state: AlertState,
    /// Of what it is, such as `endpoint` and `method`. Empty for the whole service.
    pub labels: Labels,
    /// The name of its signal.
    pub signal: String,
    /// The value of the signal at the last evaluation. `None` without data. For a share of few requests that breaks its rule it
    /// is that of the time by which it was judged.
    pub value: Option<f64>,
    /// The threshold of the rule.
    pub threshold: f64,
    /// One line: `Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)`. While it fires, the value is the one
    /// with which it began.
    pub message: String,
    /// What it means.
    pub summary: String,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// Since when it is in this state.
    pub since: WallTime,
    /// When it began to fire, if it fires or has just stopped.
    pub fired_at: Option<WallTime>,
    /// When it stopped firing, if it has just stopped.
    pub resolved_at: Option<WallTime>,
    /// Why it stopped.
    pub resolve_reason: Option<ResolveReason>,
    /// Who has acknowledged it, while it fires.
    pub acknowledged_by: Option<String>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<WallTime>,
    /// What keeps people from being told that it fires. `None` if nothing does.
    pub muted: Option<Muted>,
    /// Why the rule could not be judged.
    pub error: Option<String>,
    /// This instance of a fleet judged it by its own numbers alone, since it does not reach Redis. It is no part of the fingerprint.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// It fires, and not only because it is held: its rule is broken.
    #[serde(skip)]
    pub(crate) is_broken: bool,
    /// It fires, and people are told so now for the first time, or for the first time since they were told that it ended.
    #[serde(skip)]
    pub(crate) is_new: bool,
}

/// What keeps people from being told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Muted {
    /// A silence fits. This is its number.
    Silenced(u64),
    /// A critical alert with the same signal and the same labels fires.
    Inhibited,
    /// It went on and off so often that it was told enough.
    Flapping,
    /// It was acknowledged before it was told.
    Acknowledged,
    /// It stopped firing before it was told, or it is only held since then.
    Untold,
    /// Another instance of the fleet told it, and tells its end or has told that already.
    Elsewhere,
}

/// Whether somebody is to be told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Tell,
    Muted(Muted),
    /// Nobody is told of such changes.
    None,
}

/// A change of an alert, or a firing alert that is told again: then both states are [`Firing`](AlertState::Firing).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transition {
    pub(crate) alert: Alert,
    pub(crate) from: AlertState,
    pub(crate) notice: Notice,
}

// === impl Alert ===

impl Alert {
    pub(crate) fn new(rule: &CheckedRule, labels: &Labels, tracked: &Tracked) -> Self {
        let firing = tracked.firing.as_ref();
        let acknowledged = firing.and_then(|firing| firing.acknowledged.as_ref());
        let shown = firing.map_or(tracked.value, |firing| firing.value);
        Self {
            fingerprint: Fingerprint::of(&rule.name, labels),
            name: rule.name.as_ref().to_owned(),
            severity: rule.severity,
            state: tracked.state,
            labels: labels.clone(),
            signal: rule.signal.name().to_owned(),
            value: tracked.value,
            threshold: rule.threshold,
            message: message(rule, labels, shown),
            summary: rule.summary.clone(),
            runbook: rule.runbook.clone(),
            since: WallTime::new(tracked.since),
            fired_at: firing.map(|firing| WallTime::new(firing.fired_at)),
            resolved_at: None,
            resolve_reason: None,
            acknowledged_by: acknowledged.map(|one| one.by.clone()),
            acknowledged_at: acknowledged.map(|one| WallTime::new(one.at)),
            muted: None,
            error: tracked.error.clone(),
            alone: false,
            is_broken: firing.is_some_and(|firing| firing.is_broken()),
            is_new: false,
        }
    }
}

fn message(rule: &CheckedRule, labels: &Labels, value: Option<f64>) -> String {
    let mut name = rule.name.as_ref().to_owned();
    for (index, (label, value)) in labels.iter().enumerate() {
        name.push(if index == 0 { '{' } else { ',' });
        name.push_str(&format!("{label}={value:?}"));
    }
    if !labels.is_empty() {
        name.push('}');
    }
    let signal = rule.signal.name();
    let threshold = rule.threshold;
    match value {
        Some(value) => {
            format!("Alert: {name} - {signal} is {value:.2} (threshold: {threshold:.2})")
        }
        None => format!("Alert: {name} - {signal} has no data (threshold: {threshold:.2})"),
    }
}

// === impl Transition ===

impl Transition {
    /// Whether the alert fired before and fires still: it is told again, or at last.
    pub(crate) fn is_repeat(&self) -> bool {
        self.from == AlertState::Firing && self.alert.state == AlertState::Firing
    }
}
