//! Gives the application a handle to its checks.

use std::{fmt, sync::Arc};

use super::{
    registry::Registry,
    state::{CheckReport, Entry, Status},
};
use crate::{metrics::Metrics, report::notice::NoticeSink};

/// A handle to the checks. Clones share them. The checks run until the last handle is dropped.
///
/// ```
/// use tower_vitals::health::{Check, Health, Role, Status};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let health = Health::builder().manual("worker", Role::Critical).start()?;
/// health.set("worker", Status::Healthy, None);
/// assert_eq!(health.status(), Status::Healthy);
/// // Readiness fails from here on.
/// health.drain();
/// assert!(health.is_draining());
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Health {
    pub(super) registry: Arc<Registry>,
}

// === impl Health ===

impl Health {
    pub(super) fn of(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Whether the service should get requests, and how healthy it is. Checks in `exclude` do not count.
    ///
    /// [`Status::Unhealthy`] while it drains, [`Status::Unknown`] before each critical check has answered.
    #[must_use]
    pub fn status_without(&self, exclude: &[&str]) -> Status {
        self.registry.snapshot().status_without(exclude)
    }

    /// Whether the service should get requests, and how healthy it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status_without(&[])
    }

    /// The state of each check.
    #[must_use]
    pub fn reports(&self) -> Vec<CheckReport> {
        self.registry.reports()
    }

    /// Whether every critical check had answered and was healthy or degraded, when this or `/startupz` asked. Once `true`, it
    /// stays `true`. Other checks hold no start up.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.registry.update_started(&self.reports())
    }

    /// Sets the status of a [manual](super::Check::manual) check. It stays until it is set again, or
    /// [expires](super::Check::expires_after). If the status changes, the log and Sentry are told on this thread.
    ///
    /// Returns `false` if there is no such check.
    #[expect(clippy::must_use_candidate, reason = "the name is usually a constant")]
    pub fn set(&self, name: &str, status: Status, error: Option<&str>) -> bool {
        let mut entries = self.registry.entries.iter();
        let found = entries
            .position(|Entry { check, .. }| check.is_set_by_application() && *check.name == *name);
        let Some(index) = found else {
            return false;
        };
        if let Some(news) = self.registry.set(index, status, error) {
            news.tell();
        }
        true
    }

    /// Fails readiness from now on, so that the service gets no more requests. Liveness does not change.
    pub fn drain(&self) {
        self.registry.drain();
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.registry.is_draining()
    }

    /// Counts the answers of the checks in `metrics`, and gives notices to `sink`. Of several callers, the last one counts and
    /// the first one gets the notices.
    pub(super) fn connect(&self, metrics: &Metrics, sink: Arc<dyn NoticeSink>) {
        self.registry.connect(metrics, sink);
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
