//! Holds what the monitoring API shows and changes.

use std::{fmt, sync::Arc, time::Duration};

use super::fleet::AskFleet;

#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    alerts::AlertsHandle, doctor::Examine, facts::severity::SeverityBands,
    failures::FailuresObserver, health::Health, metrics::Metrics, statistics::StatisticsHandle,
    stuck::StuckObserver,
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
    pub(crate) failures: FailuresObserver,
    pub(crate) stuck: StuckObserver,
    pub(crate) notifiers: Arc<dyn Deliveries>,
    /// Those by which requests are judged, unless their route has others.
    pub(crate) bands: SeverityBands,
    #[cfg(feature = "generate")]
    pub(crate) generated: Generated,
    pub(crate) doctor: Arc<dyn Examine>,
    /// `None` if the service is in no fleet.
    pub(crate) fleet: Option<Arc<dyn AskFleet>>,
}

/// Records deployments.
pub(crate) trait RecordDeployment: Send + Sync {
    /// Records that a version runs from now on.
    fn record(&self, deployment: NewDeployment);
}

/// Knows what became of all that people are told.
pub(crate) trait Deliveries: Send + Sync {
    /// Of each notifier. Empty if there is none.
    fn deliveries(&self) -> Vec<Delivery>;
}

/// What became of all that one notifier was to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) notifier: String,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) waiting: u64,
    /// By the wall clock, since 1970.
    pub(crate) last_sent: Option<Duration>,
    /// With whether it can work later.
    pub(crate) last_failure: Option<(Duration, bool)>,
}

/// A deployment that somebody tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewDeployment {
    pub(crate) version: String,
    /// As the process has it by default.
    pub(crate) by: Option<String>,
    pub(crate) changes: String,
}

// === impl Sources ===

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
