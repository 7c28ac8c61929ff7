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

    /// Notes when a version was deployed, in seconds since 1970. The oldest deployment makes room for it.
    pub(crate) fn record_deployment(&self, version: &str, at: f64) {
        let mut deployments = self.deployments();
        deployments.insert(version.to_owned(), at);
        if deployments.len() > MOST_DEPLOYMENTS {
            let by_time = |one: &(&String, &f64), other: &(&String, &f64)| one.1.total_cmp(other.1);
            let oldest = deployments.iter().min_by(by_time);
            if let Some(oldest) = oldest.map(|(version, _)| version.clone()) {
                deployments.remove(&oldest);
            }
        }
    }

    pub(super) fn deployments(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.inner
            .deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Settings;

    use super::*;

    #[test]
    fn the_newest_deployments_are_remembered() {
        let metrics = Settings::new().isolated().unwrap();
        for at in 0..MOST_DEPLOYMENTS + 3 {
            // Not in the order of their names.
            metrics.record_deployment(&format!("1.{}", 90 - at), at as f64);
        }
        let mut times: Vec<_> = metrics
            .deployments()
            .values()
            .map(|at| *at as usize)
            .collect();
        times.sort_unstable();
        assert_eq!(times, (3..MOST_DEPLOYMENTS + 3).collect::<Vec<_>>());
    }
}
