//! Keeps the checks of a service, and reports their changes.

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
        checks::{CheckAnswer, Checks},
    },
    report::notice::NoticeSink,
};

/// The checks, and the state of the service.
pub(super) struct Inner {
    pub(super) entries: Vec<Entry>,
    draining: AtomicBool,
    started: AtomicBool,
    /// A version that counts the changes.
    changed: watch::Sender<u64>,
    answers: Arc<Checks>,
    /// The sink of notices, once a `Vitals` knows these checks.
    sink: OnceLock<Arc<dyn NoticeSink>>,
}

// === impl Inner ===

impl Inner {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let names = entries.iter().map(|entry| Arc::clone(&entry.check.name));
        Self {
            answers: Arc::new(Checks::new(names)),
            started: AtomicBool::new(entries.is_empty()),
            entries,
            draining: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            sink: OnceLock::new(),
        }
    }

    /// Counts the answers of the checks in `metrics`, and gives notices to `sink`. Of several callers the first counts.
    pub(super) fn connect(&self, metrics: &Metrics, sink: Arc<dyn NoticeSink>) {
        metrics.add_checks(&self.answers);
        let _ = self.sink.set(sink);
    }

    pub(super) fn reports(&self) -> Vec<CheckReport> {
        self.entries.iter().map(Entry::report).collect()
    }

    /// Reads everything once.
    pub(super) fn snapshot(&self) -> Snapshot {
        let checks = self.reports();
        Snapshot {
            draining: self.is_draining(),
            started: self.is_started(&checks),
            checks,
        }
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.notify();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A receiver of the version that counts the changes.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes the answer of a check.
    pub(super) fn answer(&self, index: usize, answer: &Result<Answer, String>, latency: Duration) {
        let change = self.entries[index].answer(answer, latency);
        self.report(index, change);
    }

    /// Counts an answer, and reports a change.
    pub(super) fn report(&self, index: usize, change: Option<Change>) {
        let report = self.entries[index].report();
        self.answers.answered(index, counted(&report));
        let Some(change) = change else {
            return;
        };
        event::log(&report, change);
        if let Some((sink, notice)) = self.sink.get().zip(event::notice(&report, change)) {
            sink.notify(&notice);
        }
        self.notify();
    }

    fn notify(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    pub(super) fn is_started(&self, checks: &[CheckReport]) -> bool {
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

/// An answer as metrics show it.
fn counted(report: &CheckReport) -> CheckAnswer {
    let last_success = report.last_success;
    let since = last_success.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    CheckAnswer {
        status: match report.status {
            Status::Healthy => 1.0,
            Status::Degraded => 0.5,
            Status::Unknown | Status::Unhealthy => 0.0,
        },
        latency: report.latency,
        last_success: since.map(|since| since.as_secs_f64()),
    }
}
