//! Asks how busy the Tokio runtime is, and how late it gives tasks their turn.

use std::time::Duration;

use tokio::{runtime::RuntimeMetrics, time::Instant};

use super::asking::{self, EVERY};
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
    runtime::{self, lag::Probe},
};

/// The answer before, for what happened in between.
#[derive(Debug, Default)]
struct Before(Option<(Instant, Duration)>);

/// Asks about the current runtime from a thread, which a blocked runtime does not stop. Without a runtime that has a clock, there
/// is nothing to ask for.
///
/// # Errors
///
/// If the thread cannot start.
pub(super) fn start(metrics: &Metrics) -> Result<(), ConfigError> {
    every(EVERY, metrics)
}

fn every(every: Duration, metrics: &Metrics) -> Result<(), ConfigError> {
    let Ok(runtime) = runtime::with_clock("process_metrics") else {
        return Ok(());
    };
    let probe = Probe::start(&runtime);
    let runtime = runtime.metrics();
    let mut before = Before::default();
    asking::on_thread("runtime", every, Some(metrics), move || {
        let now = Instant::now();
        match probe.take(now) {
            Some(lag) => values(&runtime, lag, &mut before, now),
            None => Vec::new(),
        }
    })
}

fn values(
    runtime: &RuntimeMetrics,
    lag: Duration,
    before: &mut Before,
    now: Instant,
) -> Vec<Sampled> {
    let workers = runtime.num_workers();
    let busy = busy(runtime).and_then(|busy| before.ratio(busy, workers, now));
    let values = [
        Some(Sampled::gauge(Id::TokioWorkers, &[], workers as f64)),
        busy.map(|ratio| Sampled::gauge(Id::TokioBusy, &[], ratio)),
        Some(Sampled::gauge(
            Id::TokioTasks,
            &[],
            runtime.num_alive_tasks() as f64,
        )),
        Some(Sampled::gauge(Id::TokioLag, &[], lag.as_secs_f64())),
    ];
    values.into_iter().flatten().collect()
}

/// The time that all workers were busy. Tokio counts it where atomics have 64 bits.
#[cfg(target_has_atomic = "64")]
fn busy(runtime: &RuntimeMetrics) -> Option<Duration> {
    let workers = 0..runtime.num_workers();
    Some(
        workers
            .map(|worker| runtime.worker_total_busy_duration(worker))
            .sum(),
    )
}

#[cfg(not(target_has_atomic = "64"))]
const fn busy(_: &RuntimeMetrics) -> Option<Duration> {
    None
}

// === impl Before ===

impl Before {
    /// The share of the time since the answer before in which workers were busy. `None` for the first one.
    ///
    /// A worker tells its time when it has nothing more to do, so after a long task it can be more than has passed.
    fn ratio(&mut self, busy: Duration, workers: usize, now: Instant) -> Option<f64> {
        let (at, before) = self.0.replace((now, busy))?;
        let passed = now.saturating_duration_since(at).as_secs_f64() * workers as f64;
        let busy = busy.saturating_sub(before).as_secs_f64();
        (passed > 0.0).then(|| (busy / passed).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::runtime::Builder;

    use super::*;
    use crate::metrics::Settings;

    #[test]
    fn a_blocked_runtime_shows_its_lag_while_it_lasts_and_one_that_is_gone_shows_nothing() {
        let metrics = Settings::new().isolated().unwrap();
        let gauge = |name: &str| metrics.snapshot().gauges.get(name).copied();
        let until = |shown: &dyn Fn(Option<f64>) -> bool| {
            while !shown(gauge("tokio_scheduling_lag_seconds")) {
                thread::yield_now();
            }
        };
        let (free, blocked) = mpsc::channel::<()>();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let counters = metrics.clone();
        let running = thread::spawn(move || {
            runtime.block_on(async {
                every(Duration::from_millis(1), &counters).unwrap();
                tokio::task::yield_now().await;
                // It waits without telling tokio, and nothing else has a turn.
                let _ = blocked.recv();
            });
        });
        for seconds in [0.05, 0.1, 0.3] {
            until(&|lag| lag.is_some_and(|lag| lag > seconds));
        }
        assert_eq!(gauge("tokio_workers"), Some(1.0));
        assert_eq!(gauge("tokio_alive_tasks"), Some(1.0), "the probe");
        free.send(()).unwrap();
        running.join().unwrap();
        until(&|lag| lag.is_none());
        assert_eq!(gauge("tokio_workers"), None);
    }

    #[test]
    fn workers_are_busy_for_their_share_of_the_time_since_the_last_question() {
        let begin = Instant::now();
        let mut before = Before::default();
        let second = Duration::from_secs(1);
        let mut ratio = |busy, passed| before.ratio(second * busy, 4, begin + second * passed);
        assert_eq!(ratio(100, 0), None, "the first");
        assert_eq!(ratio(110, 10), Some(0.25));
        assert_eq!(ratio(110, 20), Some(0.0));
        assert_eq!(ratio(170, 30), Some(1.0), "told late");
        assert_eq!(ratio(171, 30), None, "no time has passed");
        assert_eq!(ratio(0, 40), Some(0.0), "it cannot shrink");
    }
}
