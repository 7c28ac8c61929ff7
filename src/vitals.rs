//! Puts the layers together in the right order, once, for a whole application.

#[cfg_attr(not(feature = "health"), path = "vitals/admin/off.rs")]
mod admin;
#[cfg_attr(not(feature = "statistics"), path = "vitals/alerting/off.rs")]
mod alerting;
mod builder;
mod deployment;
#[cfg(feature = "tonic")]
mod descriptors;
#[cfg(feature = "statistics")]
mod doctor;
#[cfg_attr(not(feature = "fleet"), path = "vitals/fleet/off.rs")]
mod fleet;
mod flush;
#[cfg(feature = "generate")]
mod generated;
#[cfg_attr(not(feature = "statistics"), path = "vitals/lately/off.rs")]
mod lately;
mod log_values;
#[cfg_attr(
    not(all(feature = "health", feature = "statistics")),
    path = "vitals/monitoring/off.rs"
)]
mod monitoring;
#[cfg_attr(not(feature = "notify"), path = "vitals/notifications/off.rs")]
mod notifications;
#[cfg(feature = "prometheus")]
mod render;
#[cfg(feature = "health")]
mod rest;
#[cfg(feature = "axum")]
mod routes;
#[cfg(feature = "health")]
mod run;
#[cfg(feature = "health")]
mod run_error;
#[cfg(any(feature = "axum", feature = "health"))]
mod scrape;
#[cfg(feature = "sentry")]
mod sentry;
mod sessions;
#[cfg_attr(not(feature = "fleet"), path = "vitals/sharing/off.rs")]
mod sharing;
#[cfg_attr(not(feature = "health"), path = "vitals/shutdown/off.rs")]
mod shutdown;
#[cfg(feature = "health")]
mod signals;
mod stack;
mod start;
mod telling;

use self::{
    admin::Admin, alerting::Alerting, deployment::Deployments, lately::Lately, monitoring::Api,
    notifications::Notifications, shutdown::Shutdown,
};
pub use self::{
    builder::VitalsBuilder,
    deployment::Deployment,
    sessions::{WebSocketSession, WebSocketSessions},
    stack::VitalsLayer,
};
#[cfg(feature = "health")]
pub use self::{run::ShutdownReport, run_error::RunError};
#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    config::{ConfigError, Environment},
    health::HealthService,
    metrics::{Exporter, Metrics},
    sentry::Connection,
};

/// Where the metrics are.
const METRICS_PATH: &str = "/metrics";

/// The ready-made stack: one layer and one router.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_vitals::Vitals;
///
/// let vitals = Vitals::builder().exclude(["/livez", "/static/"]).build()?;
/// let app: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "an order" }))
///     .layer(vitals.layer())
///     .merge(vitals.routes());
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vitals {
    layer: VitalsLayer,
    metrics: Metrics,
    exporter: Option<Exporter>,
    health: Option<HealthService>,
    /// `None` if the application's port serves everything.
    admin: Option<Admin>,
    shutdown: Shutdown,
    sentry: Connection,
    lately: Lately,
    notifications: Notifications,
    alerting: Alerting,
    deployments: Deployments,
    api: Api,
    #[cfg(feature = "generate")]
    generated: Generated,
    #[cfg(feature = "statistics")]
    doctor: doctor::Doctor,
}

// === impl Vitals ===

impl Vitals {
    /// A builder with the defaults.
    pub fn builder() -> VitalsBuilder {
        VitalsBuilder::new()
    }

    /// A builder with settings from the environment. Later calls on it override them.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `MONITORING_EXCLUDE` | [patterns](crate::exclude::Patterns), separated by commas |
    /// | `MONITORING_ADDR` | the [admin port](VitalsBuilder::admin_addr), such as `127.0.0.1:9000` |
    /// | `MONITORING_TOKEN`, or a file of it in `MONITORING_TOKEN_FILE` | the [monitoring API](crate::monitoring) for those who have this token, with features `health` and `statistics` |
    /// | `MONITORING_PATH` | where the monitoring API is |
    /// | `SLACK_WEBHOOK_URL`, `PAGERDUTY_ROUTING_KEY` and others | [notifiers](crate::guides::notifications), with feature `notify` |
    /// | `MONITORING_METRIC_NAMES` | `prometheus` or `otel` |
    /// | `MONITORING_STATE` | the [state file](VitalsBuilder::state_file), with feature `statistics` |
    /// | `OTEL_SERVICE_NAME`, else `service.name` in `OTEL_RESOURCE_ATTRIBUTES` | the [name of the service](VitalsBuilder::service_name) |
    /// | `APP_VERSION`, `ENVIRONMENT` and others | see [`Release::from_env`](crate::Release::from_env) |
    ///
    /// A value is trimmed. Unset and empty mean the default.
    ///
    /// # Errors
    ///
    /// If a value is not valid. The error names the variable.
    pub fn from_env() -> Result<VitalsBuilder, ConfigError> {
        VitalsBuilder::from_environment(&Environment::process())
    }

    /// The layer to put around the application.
    #[must_use]
    pub fn layer(&self) -> VitalsLayer {
        self.layer.clone()
    }

    /// The counters of this application.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The exclusion patterns and rules that no request has matched since the start: they are misspelt or no longer needed.
    #[must_use]
    pub fn unused_patterns(&self) -> Vec<&str> {
        self.layer.unused_patterns().collect()
    }
}
