//! Keeps what is published of the alerts of a service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender};

use super::Metrics;

/// How many evaluations of rules ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evaluations {
    pub(crate) success: u64,
    /// The signal had no value.
    pub(crate) no_data: u64,
    /// The rule could not be judged.
    pub(crate) error: u64,
}

/// What is published of the alerts of a service. Nothing before the first evaluation.
#[derive(Debug, Default)]
pub(super) struct Alerts(Mutex<Published>);

#[derive(Debug, Default)]
struct Published {
    /// The name and the state of each rule.
    states: Vec<(Arc<str>, f64)>,
    evaluations: Evaluations,
    /// When the last evaluation was, in seconds since 1970.
    last: Option<f64>,
    /// Ends the thread that evaluates for these counters.
    stop: Option<Sender<()>>,
}

/// A copy, for those who publish it.
#[derive(Debug)]
pub(super) struct AlertReading {
    pub(super) states: Vec<(Arc<str>, f64)>,
    pub(super) evaluations: Evaluations,
    pub(super) last: f64,
}

// === impl Evaluations ===

impl Evaluations {
    pub(crate) const fn add(&mut self, more: Self) {
        self.success = self.success.wrapping_add(more.success);
        self.no_data = self.no_data.wrapping_add(more.no_data);
        self.error = self.error.wrapping_add(more.error);
    }

    /// Each with the value of its label.
    pub(super) const fn by_outcome(self) -> [(&'static str, u64); 3] {
        [
            ("success", self.success),
            ("no_data", self.no_data),
            ("error", self.error),
        ]
    }
}

// === impl Alerts ===

impl Alerts {
    fn lock(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` before the first evaluation.
    pub(super) fn read(&self) -> Option<AlertReading> {
        let published = self.lock();
        Some(AlertReading {
            last: published.last?,
            states: published.states.clone(),
            evaluations: published.evaluations,
        })
    }
}

// === impl Metrics ===

impl Metrics {
    /// Publishes the states of all rules after an evaluation, which was at `at`, in seconds since 1970.
    pub(crate) fn note_alerts(
        &self,
        states: Vec<(Arc<str>, f64)>,
        evaluations: Evaluations,
        at: f64,
    ) {
        let mut published = self.inner.alerts.lock();
        published.states = states;
        published.evaluations.add(evaluations);
        published.last = Some(at);
    }

    /// Counts an evaluation that a fault of this crate ended.
    pub(crate) fn evaluation_failed(&self) {
        let mut published = self.inner.alerts.lock();
        published.evaluations.error = published.evaluations.error.wrapping_add(1);
    }

    /// The thread that evaluates for these counters is told by `stop` when another one takes its place.
    pub(crate) fn evaluate_until(&self, stop: Sender<()>) {
        let before = self.inner.alerts.lock().stop.replace(stop);
        if let Some(before) = before {
            // It can have ended.
            let _ = before.send(());
        }
    }
}
