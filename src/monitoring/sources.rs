//! Holds what the monitoring API shows and changes.

use std::sync::Arc;

#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    alerts::AlertsHandle, doctor::Examine, health::Health, metrics::Metrics,
    statistics::StatisticsHandle,
};

/// What the API shows and changes.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) metrics: Metrics,
    pub(crate) statistics: StatisticsHandle,
    pub(crate) alerts: AlertsHandle,
    /// `None` if the service has no checks.
    pub(crate) health: Option<Health>,
    pub(crate) deployments: Arc<dyn RecordDeployment>,
    /// Whether anything is reported to Sentry.
    pub(crate) sentry: bool,
    pub(crate) service: Option<Arc<str>>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) environment: Arc<str>,
    #[cfg(feature = "generate")]
    pub(crate) generated: Generated,
    pub(crate) doctor: Arc<dyn Examine>,
}

/// Records deployments.
pub(crate) trait RecordDeployment: Send + Sync {
    /// Records that a version runs from now on.
    fn record(&self, deployment: NewDeployment);
}

/// A deployment that somebody tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewDeployment {
    pub(crate) version: String,
    /// As the process has it by default.
    pub(crate) by: Option<String>,
    pub(crate) changes: String,
}
