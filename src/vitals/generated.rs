//! Generates what Prometheus and Alertmanager need to decide as the process does.

use super::{
    Vitals, alerting::CheckedAlerting, lately::Lately, notifications::CheckedNotifications,
};
use crate::{
    generate::{Dashboard, Generated},
    metrics::Metrics,
    release::Release,
};

/// What is generated: from the rules, the names of the metrics, and who is told.
pub(super) fn of(
    alerting: &CheckedAlerting,
    notifications: &CheckedNotifications,
    lately: &Lately,
    release: &Release,
    metrics: &Metrics,
) -> Generated {
    let generated = alerting.generated(metrics.settings());
    let generated = notifications.generated(generated.slot(lately.slot()));
    match &release.service {
        Some(service) => generated.service(&**service),
        None => generated,
    }
}

// === impl Vitals ===

impl Vitals {
    /// What files for Prometheus, Alertmanager and Grafana are [generated](crate::generate) from: the rules of the application, the
    /// names of its metrics, what it has recorded until now, and who is told.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    #[must_use]
    pub fn generated(&self) -> Generated {
        self.generated.clone().recorded(&self.metrics)
    }

    /// The [dashboards](Generated::dashboards) of the service for Grafana, also of what the application has recorded until now.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().isolated().service_name("shop").build()?;
    /// let [system, ..] = &vitals.grafana_dashboards()[..] else {
    ///     unreachable!("there are five");
    /// };
    /// assert_eq!(system.name(), "system");
    /// assert!(system.json().contains("\"title\": \"shop: System\""));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    #[must_use]
    pub fn grafana_dashboards(&self) -> Vec<Dashboard> {
        self.generated().dashboards()
    }

    /// The rules of the application as a file for Prometheus.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// assert!(vitals.prometheus_rules().contains("alert: HighErrorRate"));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    #[must_use]
    pub fn prometheus_rules(&self) -> String {
        self.generated.rules()
    }
}
