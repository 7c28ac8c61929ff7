//! Keeps the checks of a service and their state, and publishes what changes.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::watch;

use super::{
    check::{Answer, Role},
    event,
    snapshot::Snapshot,
    state::{Change, CheckReport, Entry, Status},
};
use crate::{
    metrics::{
        Metrics,
        checks::{CheckMetrics, CheckResult},
    },
    report::notice::NoticeSink,
};

/// The checks of a service and their state. All handles share it.
pub(super) struct Registry {
    pub(super) entries: Vec<Entry>,
    draining: AtomicBool,
    started: AtomicBool,
    /// It is incremented on each change.
    changed: watch::Sender<u64>,
    metrics: Arc<CheckMetrics>,
    /// The sink of notices. `connect` sets it.
    sink: OnceLock<Arc<dyn NoticeSink>>,
}

// === impl Registry ===

impl Registry {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let names = entries.iter().map(|entry| Arc::clone(&entry.check.name));
        Self {
            metrics: Arc::new(CheckMetrics::new(names)),
            started: AtomicBool::new(entries.is_empty()),
            entries,
            draining: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            sink: OnceLock::new(),
        }
    }

    /// Publishes the results of the checks by `metrics`, and gives notices to `sink`. Only the first call has an effect.
    pub(super) fn connect(&self, metrics: &Metrics, sink: Arc<dyn NoticeSink>) {
        metrics.add_checks(&self.metrics);
        let _ = self.sink.set(sink);
    }

    pub(super) fn reports(&self) -> Vec<CheckReport> {
        self.entries.iter().map(Entry::report).collect()
    }

    /// Reads everything once.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            checks: self.reports(),
            draining: self.is_draining(),
        }
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.notify_streams();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A receiver that notices each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes the result of a run of a check.
    pub(super) fn record(&self, index: usize, answer: &Result<Answer, String>, latency: Duration) {
        let change = self.entries[index].answer(answer, latency);
        self.publish(index, change);
    }

    /// Publishes the last result of a check to metrics, and a change to the log, the sink and the waiting streams.
    pub(super) fn publish(&self, index: usize, change: Option<Change>) {
        let report = self.entries[index].report();
        self.metrics.record(index, as_metrics(&report));
        let Some(change) = change else {
            return;
        };
        event::log(&report, change);
        if let Some((sink, notice)) = self.sink.get().zip(event::notice(&report, change)) {
            sink.notify(&notice);
        }
        self.notify_streams();
    }

    fn notify_streams(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Notes whether the service has started: every check has answered, and no critical one is unhealthy. It never goes back.
    pub(super) fn update_started(&self, checks: &[CheckReport]) -> bool {
        if !self.started.load(Ordering::Relaxed) {
            let all = checks.iter().all(|check| {
                check.status != Status::Unknown
                    && (check.role != Role::Critical || check.status != Status::Unhealthy)
            });
            self.started.fetch_or(all, Ordering::Relaxed);
        }
        self.started.load(Ordering::Relaxed)
    }
}

/// The last result of a check, as metrics show it.
fn as_metrics(report: &CheckReport) -> CheckResult {
    let last_success = report.last_success;
    let since = last_success.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    CheckResult {
        status: match report.status {
            Status::Healthy => 1.0,
            Status::Degraded => 0.5,
            Status::Unknown | Status::Unhealthy => 0.0,
        },
        latency: report.latency,
        last_success: since.map(|since| since.as_secs_f64()),
    }
}
