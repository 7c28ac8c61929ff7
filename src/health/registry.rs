//! Keeps the checks of a service and their state, and publishes what changes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::watch;

use super::{
    check::{Answer, Role},
    computed::Computed,
    event,
    snapshot::Snapshot,
    state::{Change, CheckReport, Entry, Status},
};
use crate::{
    metrics::{
        Metrics,
        checks::{self, CheckReading, Checks},
        publishing,
    },
    report::notice::NoticeSink,
};

/// The checks of a service and their state. All handles share it.
pub(super) struct Registry {
    pub(super) entries: Vec<Entry>,
    pub(super) computed: Computed,
    draining: AtomicBool,
    started: AtomicBool,
    /// It is incremented on each change.
    changed: watch::Sender<u64>,
    /// As the metrics know the checks.
    as_checks: Weak<dyn Checks>,
    /// The sink of notices. `connect` sets it.
    sink: OnceLock<Arc<dyn NoticeSink>>,
}

/// A change of a check, for the log and the sink of notices.
pub(super) struct News {
    /// The counters that publish the check, if there are any. Counters that are made here would have the default settings for
    /// ever.
    metrics: Option<Metrics>,
    sink: Option<Arc<dyn NoticeSink>>,
    report: CheckReport,
    change: Change,
}

// === impl Registry ===

impl Registry {
    /// The state of the checks. The process publishes it, until other counters do.
    pub(super) fn new(entries: Vec<Entry>) -> Arc<Self> {
        let registry = Arc::new_cyclic(|registry: &Weak<Self>| Self {
            started: AtomicBool::new(false),
            entries,
            computed: Computed::default(),
            draining: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            as_checks: Weak::<Self>::clone(registry),
            sink: OnceLock::new(),
        });
        if !registry.entries.is_empty() {
            checks::register(Weak::clone(&registry.as_checks));
            publishing::start();
        }
        registry
    }

    /// Publishes the checks with the counters of `metrics` from now on. The first sink gets the notices.
    pub(super) fn connect(&self, metrics: &Metrics, sink: Arc<dyn NoticeSink>) {
        metrics.add_checks(&self.as_checks);
        let _ = self.sink.set(sink);
    }

    pub(super) fn reports(&self) -> Vec<CheckReport> {
        let mut reports: Vec<_> = self.entries.iter().map(Entry::report).collect();
        let taken = |name: &str| self.entries.iter().any(|entry| *entry.check.name == *name);
        reports.extend(self.computed.reports(taken));
        reports
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

    /// Whether a notice tells that a check of this role has failed.
    pub(super) fn gives_notice(&self, role: Role) -> bool {
        role == Role::Critical && self.sink.get().is_some_and(|sink| sink.is_on())
    }

    /// Takes the result of a run of a check. There is no latency if the run has failed before and its question is still open.
    pub(super) fn record(
        &self,
        index: usize,
        answer: &Result<Answer, String>,
        latency: Option<Duration>,
    ) -> Option<News> {
        let change = self.entries[index].answer(answer, latency);
        self.publish(index, change)
    }

    /// Sets the status of a manual check.
    pub(super) fn set(&self, index: usize, status: Status, error: Option<&str>) -> Option<News> {
        let change = self.entries[index].set(status, error);
        self.publish(index, change)
    }

    /// Shows the status of the source of a check from now on. Its changes have no news: the source tells of them itself.
    pub(super) fn follow(self: &Arc<Self>, index: usize) {
        let Some(source) = &self.entries[index].check.source else {
            return;
        };
        let registry = Arc::downgrade(self);
        let refresh = move || {
            let registry = registry.upgrade();
            registry.is_some_and(|registry| {
                if registry.entries[index].refresh() {
                    registry.notify_streams();
                }
                true
            })
        };
        // Before the first look: what changes after it is not missed.
        source.watch(Box::new(refresh.clone()));
        refresh();
    }

    /// Looks whether the last answer of a check is too old. Returns the news, and the time that is left until it is.
    pub(super) fn expire(&self, index: usize) -> (Option<News>, Option<Duration>) {
        let (change, left) = self.entries[index].expire();
        (self.publish(index, change), left)
    }

    /// Wakes the waiting streams at a change. The log and the sink are left to the caller: they run code of the application.
    fn publish(&self, index: usize, change: Option<Change>) -> Option<News> {
        let change = change?;
        self.notify_streams();
        Some(News {
            metrics: Metrics::of_checks(&self.as_checks),
            sink: self.sink.get().map(Arc::clone),
            report: self.entries[index].report(),
            change,
        })
    }

    fn notify_streams(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Notes whether the service has started: every critical check has answered, and none is unhealthy. It never goes back.
    pub(super) fn update_started(&self, checks: &[CheckReport]) -> bool {
        if !self.started.load(Ordering::Relaxed) {
            let mut critical = checks.iter().filter(|check| check.role == Role::Critical);
            let all = critical.all(|check| check.status.is_well());
            self.started.fetch_or(all, Ordering::Relaxed);
        }
        self.started.load(Ordering::Relaxed)
    }
}

impl Checks for Registry {
    fn read(&self) -> Vec<CheckReading> {
        let reading = |entry: &Entry| {
            let (report, latencies) = entry.reading();
            let expiry = entry.check.remembered.expiry.as_ref();
            let last_success = report.last_success;
            let since = last_success.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            CheckReading {
                name: report.name,
                status: match report.status {
                    Status::Healthy => 1.0,
                    Status::Degraded => 0.5,
                    Status::Unknown | Status::Unhealthy => 0.0,
                },
                last_success: since.map(|since| since.as_secs_f64()),
                latencies,
                certificates: expiry
                    .and_then(|expiry| expiry.reading())
                    .into_iter()
                    .collect(),
            }
        };
        self.entries.iter().map(reading).collect()
    }
}

// === impl News ===

impl News {
    /// Tells the log and the sink. A panic of theirs ends here and is counted.
    pub(super) fn tell(&self) {
        event::log(self.metrics.as_ref(), &self.report, self.change);
        let notice = event::notice(&self.report, self.change);
        if let Some((sink, notice)) = self.sink.as_ref().zip(notice) {
            let notify = AssertUnwindSafe(|| sink.notify(&notice));
            if catch_unwind(notify).is_err() {
                self.not_told();
            }
        }
    }

    /// Counts news that somebody is not told.
    pub(super) fn not_told(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.hook_failed();
        }
    }
}
