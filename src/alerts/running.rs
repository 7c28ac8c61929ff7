//! Evaluates the rules of a service in its process: from time to time, and when somebody asks.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    lines::Lines,
    numbers::Numbers,
    set::CheckedAlerts,
    stored::Stored,
    timing::Timing,
    watch::{Evaluated, Watch},
};
use crate::{
    config::ConfigError, metrics::Metrics, report::delivery_queue::contained, window::Moment,
};

/// How late an evaluation may be before it counts as missing, beside a second interval.
const LATE: Duration = Duration::from_secs(5);

/// Where the numbers come from, and where alerts are kept.
pub(crate) trait Host: Send + Sync {
    /// Gives the numbers of this moment.
    fn at_once(&self, judge: &mut dyn FnMut(&dyn Numbers));

    /// What both clocks show.
    fn clock(&self) -> Moment;

    /// Keeps what a later process goes on with.
    fn keep(&self, stored: Stored);
}

/// The alerts of a service, while it runs.
pub(crate) struct Running {
    watch: Watch,
    /// Held during an evaluation: two at once would measure the same time twice.
    timing: Mutex<Timing>,
    /// When an evaluation ended last, or when this began.
    last: Mutex<Instant>,
    interval: Duration,
    host: Box<dyn Host>,
    metrics: Metrics,
    lines: Lines,
    /// Ends the thread.
    stop: OnceLock<Sender<()>>,
}

// === impl Running ===

impl Running {
    /// Goes on with the alerts of an earlier process, if there are any. Nothing is evaluated before [`start`](Self::start).
    pub(crate) fn new(
        alerts: CheckedAlerts,
        before: Option<Stored>,
        host: Box<dyn Host>,
        metrics: &Metrics,
    ) -> Self {
        let watch = Watch::new(alerts.rules);
        if let Some(before) = before {
            watch.engine().restore(before);
        }
        Self {
            watch,
            timing: Mutex::default(),
            last: Mutex::new(Instant::now()),
            interval: alerts.interval,
            host,
            metrics: metrics.clone(),
            lines: Lines::new(metrics),
            stop: OnceLock::new(),
        }
    }

    /// Evaluates from now on, first after one interval, on a thread of its own. It ends when nobody else holds this, and when
    /// another stack evaluates for the same counters.
    ///
    /// # Errors
    ///
    /// If the thread cannot start.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), ConfigError> {
        if self.watch.rules().is_empty() {
            return Ok(());
        }
        let (stop, stopped) = mpsc::channel();
        let (running, interval) = (Arc::downgrade(self), self.interval);
        let run = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let Some(running) = running.upgrade() else {
                    return;
                };
                running.evaluate();
            }
        };
        let thread = thread::Builder::new().name("vitals-alert".to_owned());
        let started = thread.spawn(run);
        started.map_err(|error| ConfigError::new("alerts", "thread", error.to_string()))?;
        self.metrics.evaluate_until(stop.clone());
        let _ = self.stop.set(stop);
        Ok(())
    }

    /// Evaluates all rules now.
    pub(crate) fn evaluate(&self) {
        let mut timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.host.clock();
        let tick = timing.tick(now);
        let mut evaluated = None;
        let judged = contained(|| {
            self.host.at_once(&mut |numbers| {
                evaluated = Some(self.watch.evaluate(tick, numbers));
            });
        });
        match evaluated.filter(|_| judged.is_some()) {
            Some(evaluated) => self.report(evaluated, now.wall),
            None => self.metrics.evaluation_failed(),
        }
        *self.last() = Instant::now();
    }

    fn report(&self, evaluated: Evaluated, at: Duration) {
        let (states, stored) = {
            let engine = self.watch.engine();
            let states = engine.states();
            let states: Vec<_> = states
                .map(|(name, state)| (Arc::clone(name), state.published()))
                .collect();
            // What is inactive has nothing to remember.
            let is_quiet = evaluated.transitions.is_empty() && engine.alerts().is_empty();
            (states, (!is_quiet).then(|| engine.stored()))
        };
        let evaluations = evaluated.evaluations;
        self.metrics
            .note_alerts(states, evaluations, at.as_secs_f64());
        if let Some(stored) = stored {
            self.host.keep(stored);
        }
        self.lines.write(evaluated);
    }

    /// Changes alerts or silences, and keeps that.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&Watch, Duration) -> R) -> R {
        let changed = change(&self.watch, self.now());
        let stored = self.watch.engine().stored();
        self.host.keep(stored);
        changed
    }

    pub(crate) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The wall time since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.host.clock().wall
    }

    /// For how long an evaluation is missing. `None` if none is.
    pub(crate) fn missing_for(&self) -> Option<Duration> {
        let ago = self.last().elapsed();
        let is_missing = ago > 2 * self.interval + LATE && !self.watch.rules().is_empty();
        is_missing.then_some(ago)
    }

    fn last(&self) -> MutexGuard<'_, Instant> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.get() {
            // The thread can have ended.
            let _ = stop.send(());
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
