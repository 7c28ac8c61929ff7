//! Generates what Prometheus and Alertmanager need to decide as the process does.

use super::{
    Vitals, admin::Admin, alerting::CheckedAlerting, lately::Lately,
    notifications::CheckedNotifications, shutdown::Shutdown,
};
#[cfg(feature = "health")]
use crate::generate::{Asked, Probes};
use crate::{
    generate::{Dashboard, Generated, Served},
    health::HealthService,
    metrics::Metrics,
    release::Release,
};

/// The parts of a stack that say how it is served. Without feature `health` only the last one does.
#[cfg_attr(
    not(feature = "health"),
    expect(dead_code, reason = "there are neither probes nor an admin port")
)]
pub(super) struct Parts<'p> {
    pub(super) health: Option<&'p HealthService>,
    pub(super) admin: Option<&'p Admin>,
    pub(super) shutdown: &'p Shutdown,
    /// Whether `/metrics` is served.
    pub(super) metrics: bool,
}

/// What is generated: from the rules, the names of the metrics, who is told, and how the service is served.
pub(super) fn of(
    (alerting, notifications): (&CheckedAlerting, &CheckedNotifications),
    (lately, release, metrics): (&Lately, &Release, &Metrics),
    parts: &Parts<'_>,
) -> Generated {
    let generated = alerting.generated(metrics.settings());
    let generated = notifications.generated(generated.slot(lately.slot()));
    let generated = generated.served(parts.served());
    match &release.service {
        Some(service) => generated.service(&**service),
        None => generated,
    }
}

// === impl Parts ===

impl Parts<'_> {
    #[cfg(feature = "health")]
    fn served(&self) -> Served {
        let probes = self.health.map(|health| {
            let path = |probe| health.path_of(probe).map(str::to_owned);
            let times = health.critical_times();
            let asked = times.map(|(interval, timeout, failures)| Asked {
                interval,
                timeout,
                failures,
            });
            Probes {
                live: path("/livez"),
                ready: path("/readyz"),
                startup: path("/startupz"),
                health: path("/health"),
                critical: asked.collect(),
            }
        });
        let (drain_delay, deadline) = self.shutdown.times();
        Served {
            admin: self.admin.map(Admin::address),
            keep_routes: self.admin.is_some_and(|admin| admin.keep_routes),
            probes,
            metrics: self.metrics,
            drain_delay,
            deadline,
            ..Served::default()
        }
    }

    /// Without feature `health` there are neither probes nor an admin port, and nothing drains.
    #[cfg(not(feature = "health"))]
    fn served(&self) -> Served {
        Served {
            probes: None,
            metrics: self.metrics,
            ..Served::default()
        }
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
