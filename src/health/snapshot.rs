//! Judges the health of the service from one reading of all checks, so that everything in one response agrees.

use super::{
    check::Role,
    state::{CheckReport, Status},
};

/// The health of the service at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) checks: Vec<CheckReport>,
    /// The shutdown has begun.
    pub(super) draining: bool,
}

// === impl Snapshot ===

impl Snapshot {
    /// The readiness: the worst status of all checks that are not in `exclude`. While the service drains, unhealthy.
    pub(super) fn status_without(&self, exclude: &[&str]) -> Status {
        if self.draining {
            return Status::Unhealthy;
        }
        let included = self
            .checks
            .iter()
            .filter(|check| !exclude.contains(&&*check.name));
        let effects = included.map(|check| match (check.role, check.status) {
            (Role::Critical, status) => status,
            (Role::Optional, Status::Healthy) => Status::Healthy,
            (Role::Optional, _) => Status::Degraded,
            (Role::Informational, _) => Status::Healthy,
        });
        // `Status` is ordered from best to worst.
        effects.max().unwrap_or(Status::Healthy)
    }
}
