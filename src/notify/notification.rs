//! Holds what people are told, whatever tells them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    alerts::{Alert, AlertSeverity, Fingerprint, ResolveReason},
    statistics::WallTime,
};

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Notification {
    /// What it is about.
    pub kind: NotificationKind,
    /// Tells an alert from all others, in every process. `None` if it is about no alert.
    pub fingerprint: Option<Fingerprint>,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The name of the rule, or the title that the application gave.
    pub name: String,
    /// One line: `Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)`. For what the application says, its title.
    pub summary: String,
    /// What it means, in one or more lines. Can be empty.
    pub text: String,
    /// Of what the alert is, such as `endpoint` and `method`.
    pub labels: BTreeMap<String, String>,
    /// The name of the signal of the rule.
    pub signal: Option<String>,
    /// The value with which the alert began.
    pub value: Option<f64>,
    /// The threshold of the rule.
    pub threshold: Option<f64>,
    /// When this was decided.
    pub at: WallTime,
    /// When the alert began to fire.
    pub fired_at: Option<WallTime>,
    /// How the alert ended, if it ended.
    pub ended: Option<Ended>,
    /// In how long it is told again as long as it fires. `None` if that is not known.
    pub again_in: Option<Duration>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
    /// One instance of a fleet says so by its own numbers alone, since it does not reach Redis.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// Who tells it.
    pub origin: Origin,
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotificationKind {
    /// An alert began to fire.
    Firing,
    /// It fires still.
    Repeated,
    /// It fires still, and nobody has acknowledged it in time.
    Escalated,
    /// It has ended.
    Resolved,
    /// The application says it.
    Said,
    /// The service was deployed.
    Deployed,
    /// Somebody tries whether notifications arrive.
    Test,
}

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ended {
    /// When it stopped firing.
    pub at: WallTime,
    /// How long it fired.
    pub after: Duration,
    /// Why it stopped.
    pub reason: ResolveReason,
}

/// Which service tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// The name of the service.
    pub service: String,
    /// Its environment, such as `production`.
    pub environment: String,
    /// Its version, if it is known.
    pub release: Option<String>,
    /// The version that was deployed last, and when.
    pub deployed: Option<(String, WallTime)>,
    /// Where to look: the address of the console, or of another page. `None` if none is set.
    pub url: Option<String>,
}

// === impl Notification ===

impl Notification {
    /// What is told of an alert.
    pub(crate) fn of_alert(
        kind: NotificationKind,
        alert: &Alert,
        at: WallTime,
        origin: &Origin,
    ) -> Self {
        let fired_at = alert.fired_at;
        let ended = match kind {
            NotificationKind::Resolved => alert.resolved_at.zip(alert.resolve_reason),
            _ => None,
        };
        // Of an alert whose rule is gone, only its name can be left.
        let is_known = !alert.signal.is_empty();
        Self {
            kind,
            fingerprint: Some(alert.fingerprint),
            severity: alert.severity,
            name: alert.name.clone(),
            summary: alert.message.clone(),
            text: alert.summary.clone(),
            labels: alert.labels.clone(),
            signal: is_known.then(|| alert.signal.clone()),
            value: alert.value,
            threshold: is_known.then_some(alert.threshold),
            at,
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
            alone: alert.alone,
            origin: origin.clone(),
        }
    }

    /// What is told of no alert.
    pub(crate) fn other(
        kind: NotificationKind,
        severity: AlertSeverity,
        name: String,
        at: WallTime,
        origin: &Origin,
    ) -> Self {
        Self {
            kind,
            fingerprint: None,
            severity,
            summary: name.clone(),
            name,
            text: String::new(),
            labels: BTreeMap::new(),
            signal: None,
            value: None,
            threshold: None,
            at,
            fired_at: None,
            ended: None,
            again_in: None,
            runbook: None,
            alone: false,
            origin: origin.clone(),
        }
    }
}

// === impl NotificationKind ===

impl NotificationKind {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Repeated => "repeated",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Said => "said",
            Self::Deployed => "deployed",
            Self::Test => "test",
        }
    }
}

#[cfg(test)]
impl Notification {
    /// An alert that began to fire, for tests.
    pub(super) fn example() -> Self {
        let at = WallTime::new(Duration::from_millis(1_800_000_000_123));
        Self {
            kind: NotificationKind::Firing,
            fingerprint: "f85a8fde4ff0f4c0".parse().ok(),
            severity: AlertSeverity::Critical,
            name: "high_error_rate".to_owned(),
            summary: "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)"
                .to_owned(),
            text: "More requests fail than they should".to_owned(),
            labels: BTreeMap::new(),
            signal: Some("error_rate_percent".to_owned()),
            value: Some(6.5),
            threshold: Some(5.0),
            at,
            fired_at: Some(at),
            ended: None,
            again_in: None,
            runbook: Some("https://wiki.example.com/errors".to_owned()),
            alone: false,
            origin: Origin {
                service: "shop".to_owned(),
                environment: "production".to_owned(),
                release: Some("1.4.2".to_owned()),
                deployed: None,
                url: Some("https://shop.example.com/monitoring".to_owned()),
            },
        }
    }
}
