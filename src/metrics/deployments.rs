//! Notes the build of the process, and which versions were deployed.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use super::Metrics;
use crate::release::Release;

/// The most deployments that are remembered. The version is a label, and a process has few.
const MOST_DEPLOYMENTS: usize = 16;

// === impl Metrics ===

impl Metrics {
    /// Sets the build of the process. The first one stays.
    pub(crate) fn set_release(&self, release: &Release) {
        let _ = self.inner.build.set(release.clone());
    }

    /// Notes when a version was deployed, in seconds since 1970.
    pub(crate) fn record_deployment(&self, version: &str, at: f64) {
        let mut deployments = self.deployments();
        if deployments.len() < MOST_DEPLOYMENTS || deployments.contains_key(version) {
            deployments.insert(version.to_owned(), at);
        }
    }

    pub(super) fn deployments(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.inner
            .deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
