//! Gives alerts and silences the keys of the API.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use crate::{
    alerts::{
        Alert, AlertSeverity, AlertState, Fingerprint, HistoryEntry, Labels, Muted, ResolveReason,
        Silence,
    },
    statistics::WallTime,
};

/// The most alerts of a list, and the most entries of the history.
const MOST: usize = 1_000;

/// As many alerts as a list has, the most urgent first: by their state and their severity.
#[derive(Debug)]
pub(super) struct ListedAlerts {
    pub(super) shown: Vec<ShownAlert>,
    /// How many of each state had no room. A state of which all are shown is left out.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

/// As many entries of the history as a list has, the newest first.
#[derive(Debug)]
pub(super) struct ListedFirings {
    pub(super) shown: Vec<ShownFiring>,
    /// How many there are, with those that had no room.
    pub(super) count: usize,
}

/// An alert at this moment.
#[derive(Debug, Serialize)]
pub(super) struct ShownAlert {
    name: String,
    severity: AlertSeverity,
    message: String,
    /// When it began to fire, else since when it is in its state.
    timestamp: WallTime,
    metric_value: Option<f64>,
    threshold: f64,
    fingerprint: Fingerprint,
    labels: Labels,
    state: AlertState,
    signal: String,
    summary: String,
    runbook: Option<String>,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<WallTime>,
    muted: Option<Muted>,
    error: Option<String>,
    /// One instance of a fleet says so by its own numbers alone. It is left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
}

/// One time that an alert fired.
#[derive(Debug, Serialize)]
pub(super) struct ShownFiring {
    name: String,
    severity: AlertSeverity,
    message: String,
    metric_value: Option<f64>,
    threshold: f64,
    timestamp: WallTime,
    fingerprint: Fingerprint,
    labels: Labels,
    signal: String,
    resolved_at: Option<WallTime>,
    resolve_reason: Option<ResolveReason>,
}

/// A silence.
#[derive(Debug, Serialize)]
pub(super) struct ShownSilence {
    id: u64,
    labels: Labels,
    from: WallTime,
    until: WallTime,
    by: String,
    comment: String,
}

// === impl ListedAlerts ===

impl ListedAlerts {
    pub(super) fn of(mut alerts: Vec<Alert>) -> Self {
        // Equal ones stay in the order of their rules.
        alerts.sort_by_key(|alert| Reverse((alert.state.rank(), alert.severity)));
        let mut left_out = BTreeMap::new();
        for alert in alerts.iter().skip(MOST) {
            *left_out.entry(alert.state.as_str()).or_default() += 1;
        }
        let shown = alerts.into_iter().take(MOST);
        Self {
            shown: shown.map(ShownAlert::from).collect(),
            left_out,
        }
    }
}

// === impl ListedFirings ===

impl ListedFirings {
    pub(super) fn of(history: Vec<HistoryEntry>) -> Self {
        let count = history.len();
        let shown = history.into_iter().take(MOST);
        Self {
            shown: shown.map(ShownFiring::from).collect(),
            count,
        }
    }
}

impl From<Alert> for ShownAlert {
    fn from(alert: Alert) -> Self {
        Self {
            name: alert.name,
            severity: alert.severity,
            message: alert.message,
            timestamp: alert.fired_at.unwrap_or(alert.since),
            metric_value: alert.value,
            threshold: alert.threshold,
            fingerprint: alert.fingerprint,
            labels: alert.labels,
            state: alert.state,
            signal: alert.signal,
            summary: alert.summary,
            runbook: alert.runbook,
            acknowledged_by: alert.acknowledged_by,
            acknowledged_at: alert.acknowledged_at,
            muted: alert.muted,
            error: alert.error,
            alone: alert.alone,
        }
    }
}

impl From<HistoryEntry> for ShownFiring {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            timestamp: entry.fired_at(),
            resolved_at: entry.resolved_at(),
            name: entry.name,
            severity: entry.severity,
            message: entry.message,
            metric_value: entry.value,
            threshold: entry.threshold,
            fingerprint: entry.fingerprint,
            labels: entry.labels,
            signal: entry.signal,
            resolve_reason: entry.resolve_reason,
        }
    }
}

impl From<Silence> for ShownSilence {
    fn from(silence: Silence) -> Self {
        Self {
            from: silence.from(),
            until: silence.until(),
            id: silence.id,
            labels: silence.labels,
            by: silence.by,
            comment: silence.comment,
        }
    }
}
