//! Reads all checks once, so that everything in one response agrees.

use super::{
    check::Role,
    state::{CheckReport, Status},
};

/// The health of the service at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) checks: Vec<CheckReport>,
    pub(super) draining: bool,
    pub(super) started: bool,
}

// === impl Snapshot ===

impl Snapshot {
    /// Whether the service should get requests, and how healthy it is. Checks in `exclude` do not count.
    pub(super) fn status_without(&self, exclude: &[&str]) -> Status {
        if self.draining {
            return Status::Unhealthy;
        }
        let counted = self
            .checks
            .iter()
            .filter(|check| !exclude.contains(&&*check.name));
        let each = counted.map(|check| match (check.role, check.status) {
            (Role::Critical, status) => status,
            (Role::Optional, Status::Healthy) => Status::Healthy,
            (Role::Optional, _) => Status::Degraded,
            (Role::Informational, _) => Status::Healthy,
        });
        each.max().unwrap_or(Status::Healthy)
    }
}
