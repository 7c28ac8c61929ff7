//! Lists the rules of a service with their states, for people who look at them.

use std::time::Duration;

use super::{
    checked::{CheckedRule, Scope},
    engine::Engine,
    handle::AlertsHandle,
    rule::Comparison,
    severity::AlertSeverity,
    state::AlertState,
    tracked::Tracked,
    unit::SignalUnit,
};

/// A rule, and what became of it at the last evaluation.
#[derive(Clone, Debug)]
pub(crate) struct ListedRule {
    pub(crate) name: String,
    pub(crate) severity: AlertSeverity,
    pub(crate) signal: String,
    pub(crate) unit: SignalUnit,
    pub(crate) is_below: bool,
    pub(crate) threshold: f64,
    pub(crate) window: Duration,
    pub(crate) pending_for: Duration,
    pub(crate) summary: String,
    pub(crate) runbook: Option<String>,
    /// The endpoint that it judges, and its method, if it judges one.
    pub(crate) endpoint: Option<(String, Option<&'static str>)>,
    pub(crate) each_endpoint: bool,
    /// The worst state of its alerts.
    pub(crate) state: AlertState,
    /// The value that is nearest to break it, or that breaks it most.
    pub(crate) value: Option<f64>,
    pub(crate) firing: usize,
    pub(crate) pending: usize,
}

// === impl AlertsHandle ===

impl AlertsHandle {
    /// All rules, in their order.
    pub(crate) fn listed(&self) -> Vec<ListedRule> {
        self.running.watch().engine().listed()
    }

    /// Whether a rule has this name.
    pub(crate) fn has_rule(&self, name: &str) -> bool {
        let rules = self.running.watch().rules();
        rules.iter().any(|rule| *rule.name == *name)
    }
}

// === impl Engine ===

impl Engine {
    pub(super) fn listed(&self) -> Vec<ListedRule> {
        let all = self.rules.iter().zip(&self.alerts).zip(&self.values);
        all.map(|((rule, alerts), value)| {
            let worst = alerts.values().max_by_key(|one| one.state.rank());
            let count = |state| alerts.values().filter(|one| one.state == state).count();
            ListedRule {
                firing: count(AlertState::Firing),
                pending: count(AlertState::Pending),
                value: *value,
                ..ListedRule::new(rule, worst)
            }
        })
        .collect()
    }
}

// === impl ListedRule ===

impl ListedRule {
    fn new(rule: &CheckedRule, worst: Option<&Tracked>) -> Self {
        Self {
            name: rule.name.as_ref().to_owned(),
            severity: rule.severity,
            signal: rule.signal.name().to_owned(),
            unit: rule.signal.unit(),
            is_below: rule.comparison == Comparison::Below,
            threshold: rule.threshold,
            window: rule.window,
            pending_for: rule.pending_for,
            summary: rule.summary.clone(),
            runbook: rule.runbook.clone(),
            endpoint: match &rule.scope {
                Scope::Endpoint { route, method } => {
                    Some((route.as_ref().to_owned(), method.map(|one| one.as_str())))
                }
                _ => None,
            },
            each_endpoint: rule.scope == Scope::EachEndpoint,
            state: worst.map_or(AlertState::Inactive, |one| one.state),
            value: None,
            firing: 0,
            pending: 0,
        }
    }
}
