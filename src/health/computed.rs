//! Shows what is wrong with this crate itself, as checks that are there only while something is. They are informational, so
//! readiness does not depend on them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    check::Role,
    state::{CheckReport, Status},
};

/// What is wrong now. `None` if nothing is.
type Fault = dyn Fn() -> Option<String> + Send + Sync;

/// What can be wrong, by the name of its check.
#[derive(Default)]
pub(super) struct Computed(Mutex<Vec<(Arc<str>, Arc<Fault>)>>);

// === impl Computed ===

impl Computed {
    /// Shows a fault from now on, in the place of one with the same name.
    #[cfg(feature = "statistics")]
    pub(super) fn add(
        &self,
        name: &str,
        fault: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        let mut all = self.lock();
        all.retain(|(known, _)| **known != *name);
        all.push((name.into(), Arc::new(fault)));
    }

    /// What is wrong now. One with a name that is `taken` by a check of the application is left out.
    pub(super) fn reports(&self, taken: impl Fn(&str) -> bool) -> Vec<CheckReport> {
        let all = self.lock().clone();
        let all = all.into_iter().filter(|(name, _)| !taken(name));
        let wrong = all.filter_map(|(name, fault)| Some((name, fault()?)));
        wrong
            .map(|(name, error)| CheckReport {
                name,
                role: Role::Informational,
                status: Status::Unhealthy,
                latency: Duration::ZERO,
                age: Some(Duration::ZERO),
                last_success: None,
                error: Some(error.into()),
                runs: 1,
                healthy_label: "running",
                shown: None,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<str>, Arc<Fault>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
