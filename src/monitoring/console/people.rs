//! Shows alerts, deployments and notifiers: what people are told, and what they did.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::super::{
    shown::{ListedAlerts, ListedFirings, ShownAlert, ShownFiring, ShownSilence},
    sources::{Delivery, Sources},
};
use crate::{
    alerts::{AlertSeverity, AlertState, AlertsHandle, ListedRule, SignalUnit},
    statistics::{JudgedDeployment, StatisticsHandle, WallTime},
};

/// How far back the history goes.
const HISTORY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most deployments that are shown.
const MOST_DEPLOYMENTS: usize = 20;

#[derive(Debug, Serialize)]
pub(super) struct AlertsSection {
    last_evaluation: Option<WallTime>,
    rules: Vec<ShownRule>,
    alerts: Vec<ShownAlert>,
    left_out: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize)]
struct ShownRule {
    name: String,
    severity: AlertSeverity,
    signal: String,
    unit: SignalUnit,
    comparison: &'static str,
    threshold: f64,
    window_seconds: f64,
    pending_for_seconds: f64,
    summary: String,
    runbook: Option<String>,
    endpoint: Option<String>,
    method: Option<&'static str>,
    each_endpoint: bool,
    state: AlertState,
    value: Option<f64>,
    firing: usize,
    pending: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct HistorySection {
    history_count: usize,
    history: Vec<ShownFiring>,
}

#[derive(Debug, Serialize)]
pub(super) struct SilencesSection {
    silences: Vec<ShownSilence>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeploymentsSection {
    deployments_count: usize,
    deployments: Vec<JudgedDeployment>,
}

#[derive(Debug, Serialize)]
pub(super) struct NotifiersSection {
    notifiers: Vec<ShownNotifier>,
}

#[derive(Debug, Serialize)]
struct ShownNotifier {
    name: String,
    sent: u64,
    failed: u64,
    refused: u64,
    dropped: u64,
    waiting: u64,
    last_sent_at: Option<WallTime>,
    last_failure_at: Option<WallTime>,
    last_failure: Option<&'static str>,
}

// === impl AlertsSection ===

impl AlertsSection {
    pub(super) fn of(alerts: &AlertsHandle) -> Self {
        let all = ListedAlerts::of(alerts.all());
        Self {
            last_evaluation: alerts.last_evaluation(),
            rules: alerts.listed().into_iter().map(ShownRule::from).collect(),
            alerts: all.shown,
            left_out: all.left_out,
        }
    }
}

impl From<ListedRule> for ShownRule {
    fn from(rule: ListedRule) -> Self {
        let (endpoint, method) = rule.endpoint.unzip();
        Self {
            name: rule.name,
            severity: rule.severity,
            signal: rule.signal,
            unit: rule.unit,
            comparison: if rule.is_below { "below" } else { "above" },
            threshold: rule.threshold,
            window_seconds: rule.window.as_secs_f64(),
            pending_for_seconds: rule.pending_for.as_secs_f64(),
            summary: rule.summary,
            runbook: rule.runbook,
            endpoint,
            method: method.flatten(),
            each_endpoint: rule.each_endpoint,
            state: rule.state,
            value: rule.value,
            firing: rule.firing,
            pending: rule.pending,
        }
    }
}

// === impl HistorySection ===

impl HistorySection {
    pub(super) fn of(alerts: &AlertsHandle) -> Self {
        let history = ListedFirings::of(alerts.history(HISTORY));
        Self {
            history_count: history.count,
            history: history.shown,
        }
    }
}

// === impl SilencesSection ===

impl SilencesSection {
    pub(super) fn of(alerts: &AlertsHandle) -> Self {
        let silences = alerts.silences().into_iter();
        Self {
            silences: silences.map(ShownSilence::from).collect(),
        }
    }
}

// === impl DeploymentsSection ===

impl DeploymentsSection {
    pub(super) fn of(statistics: &StatisticsHandle) -> Self {
        let (deployments_count, deployments) = statistics.newest_deployments(MOST_DEPLOYMENTS);
        Self {
            deployments_count,
            deployments,
        }
    }
}

// === impl NotifiersSection ===

impl NotifiersSection {
    pub(super) fn of(sources: &Sources) -> Self {
        let notifiers = sources.notifiers.deliveries().into_iter();
        Self {
            notifiers: notifiers.map(ShownNotifier::from).collect(),
        }
    }
}

impl From<Delivery> for ShownNotifier {
    fn from(delivery: Delivery) -> Self {
        let (failed_at, can_work_later) = delivery.last_failure.unzip();
        Self {
            name: delivery.notifier,
            sent: delivery.sent,
            failed: delivery.failed,
            refused: delivery.refused,
            dropped: delivery.dropped,
            waiting: delivery.waiting,
            last_sent_at: delivery.last_sent.map(WallTime::new),
            last_failure_at: failed_at.map(WallTime::new),
            last_failure: can_work_later.map(|later| if later { "later" } else { "refused" }),
        }
    }
}
