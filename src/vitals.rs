//! Puts the layers together in the right order, once, for a whole application.

mod builder;
mod deployment;
#[cfg(feature = "tonic")]
mod descriptors;
mod flush;
#[cfg(feature = "prometheus")]
mod render;
#[cfg_attr(not(feature = "axum"), path = "vitals/routes/off.rs")]
mod routes;
#[cfg(feature = "axum")]
mod scrape;
#[cfg(feature = "sentry")]
mod sentry;
#[cfg_attr(not(feature = "health"), path = "vitals/shutdown/off.rs")]
mod shutdown;
#[cfg(feature = "health")]
mod signals;
mod stack;
mod start;

use std::sync::Arc;

use self::shutdown::Shutdown;
#[cfg(feature = "health")]
pub use self::shutdown::ShutdownReport;
pub use self::{builder::VitalsBuilder, deployment::Deployment, stack::VitalsLayer};
use crate::{
    config::{ConfigError, Environment},
    health::HealthService,
    metrics::{Exporter, Metrics},
    sentry::Connection,
};

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
    /// The environment in which the process runs.
    environment: Arc<str>,
    exporter: Option<Exporter>,
    health: Option<HealthService>,
    shutdown: Shutdown,
    sentry: Connection,
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
    /// | `MONITORING_METRIC_NAMES` | `prometheus` or `otel` |
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

    /// The exclusion patterns that no request has matched since the start: they are misspelt or no longer needed.
    #[must_use]
    pub fn unused_patterns(&self) -> Vec<&str> {
        self.layer.unused_patterns().collect()
    }
}
