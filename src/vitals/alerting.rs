//! Evaluates the rules of the application, on a thread of its own.

use std::sync::Arc;

use super::{Vitals, lately::Lately};
#[cfg(feature = "fleet")]
use crate::alerts::thresholds;
#[cfg(feature = "notify")]
use crate::alerts::{AlertSeverity, Listener};
#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    alerts::{Alerts, AlertsHandle, CheckedAlerts, Existing, Running},
    config::{ConfigError, Environment},
    health::HealthService,
    metrics::{Metrics, Recorder, Settings},
};

/// The rules of the application. Those by default, unless the environment or the application says otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct AlertingSettings(pub(super) Alerts);

/// Rules that can work.
#[derive(Debug)]
pub(super) struct CheckedAlerting(CheckedAlerts);

/// The alerts of a stack. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Alerting(Arc<Running>);

// === impl AlertingSettings ===

impl AlertingSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        Alerts::from_environment(environment).map(Self)
    }

    pub(super) fn checked(self) -> Result<CheckedAlerting, ConfigError> {
        self.0.checked().map(CheckedAlerting)
    }
}

// === impl CheckedAlerting ===

impl CheckedAlerting {
    /// Makes the thresholds of rules over durations edges of the buckets: so what is published gives the same verdicts.
    pub(super) fn published_by(&self, settings: Settings) -> Settings {
        let edges = self.0.edges(&settings.published_edges());
        settings.more_edges(edges)
    }

    /// What is generated from the rules, over the names of these settings.
    #[cfg(feature = "generate")]
    pub(super) fn generated(&self, settings: &Settings) -> Generated {
        Generated::of(&self.0, settings)
    }

    /// The name and the severity of each rule.
    #[cfg(feature = "notify")]
    pub(super) fn severities(&self) -> impl Iterator<Item = (&str, AlertSeverity)> {
        let rules = self.0.rules.iter();
        rules.map(|rule| (&*rule.name, rule.severity))
    }

    /// Refuses a rule that names a check, a pool or a path that nobody watches.
    pub(super) fn check_names(
        &self,
        health: Option<&HealthService>,
        metrics: &Metrics,
        recorder: Recorder,
    ) -> Result<(), ConfigError> {
        let checks = health.into_iter().flat_map(HealthService::check_names);
        // What an isolated stack watches can only begin when there is one.
        let watched = |kind| {
            let names = || metrics.samplers_of_kind(kind);
            (recorder != Recorder::Isolated).then(names)
        };
        self.0.check_names(&Existing {
            checks: checks.map(|name| name.to_string()).collect(),
            pools: watched("pool"),
            paths: watched("disk"),
        })
    }

    /// Goes on with the alerts of the process before. Nothing is evaluated yet.
    pub(super) fn with(self, lately: &Lately, metrics: &Metrics) -> Alerting {
        let (host, before) = lately.for_alerts();
        let (alerts, shared) = match lately.shared_alerts() {
            Some((shared, instance)) => (self.0.in_fleet(&instance), Some(shared)),
            None => (self.0, None),
        };
        let running = Running::new(alerts, before, host, shared, metrics);
        Alerting(Arc::new(running))
    }
}

// === impl Alerting ===

impl Alerting {
    /// Evaluates from now on.
    pub(super) fn start(&self, health: Option<&HealthService>) -> Result<(), ConfigError> {
        if let Some(health) = health {
            // Health can live on without the stack.
            let running = Arc::downgrade(&self.0);
            let limit = move || {
                let missing = running.upgrade()?.missing_for()?;
                Some(format!("no rule was evaluated for {missing:.0?}"))
            };
            health.add_informational("alerts", limit);
        }
        self.0.start()
    }

    /// Writes down for the other instances which notifications have arrived, if this one is in charge.
    #[cfg(feature = "fleet")]
    pub(super) fn settle(&self) {
        // Another one takes over in a moment.
        let _ = self.0.look();
    }

    /// Lets somebody hear of each evaluation. The first one who does is heard.
    #[cfg(feature = "notify")]
    pub(super) fn listen(&self, listener: Box<dyn Listener>) {
        self.0.listen(listener);
    }

    pub(super) fn handle(&self) -> AlertsHandle {
        AlertsHandle::new(Arc::clone(&self.0))
    }

    /// The name and the severity of each rule.
    #[cfg(feature = "notify")]
    pub(super) fn severities(&self) -> impl Iterator<Item = (&str, AlertSeverity)> {
        let rules = self.0.watch().rules().iter();
        rules.map(|rule| (&*rule.name, rule.severity))
    }

    /// A number that stands for all thresholds.
    #[cfg(feature = "fleet")]
    pub(super) fn thresholds(&self, metrics: &Metrics) -> u64 {
        let edges = metrics.bands().edges();
        thresholds(self.0.watch().rules(), self.0.interval(), &edges)
    }

    pub(super) fn are_on(&self) -> bool {
        !self.0.watch().rules().is_empty()
    }
}

// === impl Vitals ===

impl Vitals {
    /// The alerts of the application. See the [module](crate::alerts).
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    #[must_use]
    pub fn alerts(&self) -> AlertsHandle {
        self.alerting.handle()
    }
}

#[cfg(test)]
#[cfg(all(feature = "fleet", feature = "notify"))]
mod tests;
