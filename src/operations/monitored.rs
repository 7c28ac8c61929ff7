//! Measures a function of the application.

use std::{future::Future, time::Duration};

use super::{
    finished::{SLOW, Subject},
    running::Running,
};
use crate::{
    facts::work::{CallOutcome, Work},
    metrics::Metrics,
};

/// A function to measure. See [`monitored`].
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before something runs"]
pub struct Monitored {
    subject: Subject<'static>,
    metrics: Option<Metrics>,
}

/// A function that runs. See [`Monitored::start`].
#[derive(Debug)]
#[must_use = "it ends at once"]
pub struct MonitoredGuard {
    running: Running,
}

/// Measures a function of the application under this name.
pub const fn monitored(name: &'static str) -> Monitored {
    Monitored {
        subject: Subject {
            work: Work::Operation,
            name,
            detail: 0,
            threshold: SLOW,
        },
        metrics: None,
    }
}

// === impl Monitored ===

impl Monitored {
    /// From when on a run is slow. Defaults to 1 s.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.subject.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Runs a future.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let running = Running::begin(self.subject, self.metrics);
        running.follow(future, |_| CallOutcome::Success).await
    }

    /// Runs plain code.
    pub fn time<T>(self, code: impl FnOnce() -> T) -> T {
        let running = Running::begin(self.subject, self.metrics);
        running.time(code, |_| CallOutcome::Success)
    }

    /// Begins to measure, for code that no closure can hold.
    pub fn start(self) -> MonitoredGuard {
        MonitoredGuard {
            running: Running::begin(self.subject, self.metrics),
        }
    }
}

// === impl MonitoredGuard ===

impl MonitoredGuard {
    /// Ends it.
    pub fn end(mut self, outcome: CallOutcome) {
        self.running.end(outcome);
    }
}
