//! Keeps a notification as another instance of a fleet reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::notification::{Ended, Notification, NotificationKind, Origin};
use crate::{
    alerts::{AlertSeverity, Fingerprint, ResolveReason},
    statistics::WallTime,
};

/// A notification, as another instance reads it. It is told with the origin of who tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredLetter {
    /// The names of the notifiers.
    pub(super) to: BTreeSet<String>,
    kind: NotificationKind,
    fingerprint: Option<Fingerprint>,
    severity: AlertSeverity,
    name: String,
    summary: String,
    text: String,
    labels: BTreeMap<String, String>,
    signal: Option<String>,
    value: Option<f64>,
    threshold: Option<f64>,
    /// When it was decided, in the time of the fleet.
    pub(super) at: Duration,
    fired_at: Option<Duration>,
    /// When it ended, after how long, and why.
    ended: Option<(Duration, Duration, ResolveReason)>,
    runbook: Option<String>,
    alone: bool,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A letter of a later version, which cannot be read here. It is handed on as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SealedLetter {
    pub(super) value: Value,
    pub(super) address: Address,
}

/// All that must be known of a letter to hand it on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Address {
    pub(super) to: BTreeSet<String>,
    pub(super) at: Duration,
}

// === impl StoredLetter ===

impl StoredLetter {
    pub(super) fn new(to: BTreeSet<String>, one: &Notification) -> Self {
        Self {
            to,
            kind: one.kind,
            fingerprint: one.fingerprint,
            severity: one.severity,
            name: one.name.clone(),
            summary: one.summary.clone(),
            text: one.text.clone(),
            labels: one.labels.clone(),
            signal: one.signal.clone(),
            value: one.value,
            threshold: one.threshold,
            at: one.at.since_1970(),
            fired_at: one.fired_at.map(WallTime::since_1970),
            ended: one.ended.map(|ended| {
                let Ended { at, after, reason } = ended;
                (at.since_1970(), after, reason)
            }),
            runbook: one.runbook.clone(),
            alone: one.alone,
            more: Map::new(),
        }
    }

    pub(super) fn notification(self, origin: Origin) -> Notification {
        Notification {
            kind: self.kind,
            fingerprint: self.fingerprint,
            severity: self.severity,
            name: self.name,
            summary: self.summary,
            text: self.text,
            labels: self.labels,
            signal: self.signal,
            value: self.value,
            threshold: self.threshold,
            at: WallTime::new(self.at),
            fired_at: self.fired_at.map(WallTime::new),
            ended: self.ended.map(|(at, after, reason)| Ended {
                at: WallTime::new(at),
                after,
                reason,
            }),
            again_in: None,
            runbook: self.runbook,
            alone: self.alone,
            origin,
        }
    }
}

// === impl SealedLetter ===

impl SealedLetter {
    /// One that does not say when it was decided was decided now.
    pub(super) fn new(value: Value, now: Duration) -> Self {
        let address = Address::deserialize(&value);
        let address = address.unwrap_or_else(|_| Address {
            at: now,
            ..Address::default()
        });
        Self { value, address }
    }
}
