//! Publishes to a recorder what was counted since the last time. No request waits for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering::Relaxed,
};

use metrics::Recorder;

use super::{
    GLOBAL, Metrics,
    checks::{self, CheckReading},
    describe::describe,
    gather::gather,
    names::Names,
    naming::Naming,
    push::{Push, Pushed},
};

/// Remembers the last recorder, and what it has. A new recorder gets everything again.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// The address of the last recorder.
    recorder: Option<usize>,
    pushed: Pushed,
    /// The recorder has the descriptions of this preset.
    described: Option<Names>,
    /// How often that failed, as long as the process has no counters.
    uncounted: u32,
    /// What was added to all names.
    naming: Naming,
}

// === impl Publisher ===

impl Publisher {
    /// Publishes the counters of the process, if there are any, and all checks that no other counters publish.
    pub(super) fn publish_process(&mut self, recorder: &dyn Recorder) {
        let metrics = GLOBAL.get();
        if let Some(metrics) = metrics {
            metrics.inner.pushes.store(true, Relaxed);
        }
        self.publish(metrics, &checks::of_process(), recorder);
    }

    fn publish(
        &mut self,
        metrics: Option<&Metrics>,
        checks: &[CheckReading],
        recorder: &dyn Recorder,
    ) {
        // Before the process counts, only checks are published, under the names of this crate.
        let unnamed = Naming::default();
        let settings = metrics.map(Metrics::settings);
        let naming = settings.map_or(&unnamed, |settings| &settings.naming);
        self.select(recorder, naming);
        let names = settings.map_or(Names::Prometheus, |settings| settings.names);
        self.describe(metrics, names, recorder);
        let mut push = Push::new(recorder, &mut self.pushed);
        gather(metrics, checks, &mut push);
    }

    /// Remembers the recorder. It has nothing yet under other names, either.
    fn select(&mut self, recorder: &dyn Recorder, naming: &Naming) {
        let address = std::ptr::from_ref(recorder).cast::<()>().addr();
        if self.recorder != Some(address) || self.naming != *naming {
            self.recorder = Some(address);
            self.naming = naming.clone();
            self.pushed = Pushed::default();
            self.described = None;
        }
    }

    /// Describes the metrics once. A recorder that panics is asked again in the next round, and gets the numbers in any case.
    fn describe(&mut self, metrics: Option<&Metrics>, names: Names, recorder: &dyn Recorder) {
        if self.described != Some(names) {
            let families = || describe(names, &self.naming, recorder);
            let described = catch_unwind(AssertUnwindSafe(families));
            self.described = described.is_ok().then_some(names);
            self.uncounted += u32::from(described.is_err());
        }
        if let Some(metrics) = metrics {
            for _ in 0..std::mem::take(&mut self.uncounted) {
                metrics.hook_failed();
            }
        }
    }
}

#[cfg(test)]
mod tests;
