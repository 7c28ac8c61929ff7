//! Asks from time to time for values that nobody counts. No request and no scrape waits for the answer.
//!
//! Code that can block its thread has a thread of its own. Code that waits for a network is a task. What hangs or panics loses
//! only its own values.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::RecvTimeoutError,
    thread,
    time::Duration,
};

use tokio::time;

use crate::{
    config::ConfigError,
    metrics::{
        Metrics,
        sampled::{Sampled, Sampler},
    },
    runtime,
};

/// How often values are asked for, if nothing else is said.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// How long an answer of a network can take, if nothing else is said.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks on a thread of its own, first at once. It ends with the counters.
///
/// # Errors
///
/// If the thread cannot start.
pub(super) fn on_thread(
    name: &str,
    every: Duration,
    metrics: Option<&Metrics>,
    mut ask: impl FnMut() -> Vec<Sampled> + Send + 'static,
) -> Result<(), ConfigError> {
    let sampler = Sampler::new(name);
    let ended = Metrics::publish_sampler(metrics, &sampler);
    let counters = metrics.map(Metrics::weak);
    let run = move || {
        loop {
            match catch_unwind(AssertUnwindSafe(&mut ask)) {
                Ok(values) => sampler.put(values),
                Err(payload) => {
                    // Dropping it can panic again. What that carries is kept for ever.
                    let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
                    dropped.unwrap_or_else(std::mem::forget);
                    sampler.forget();
                    failed(counters.as_ref());
                }
            }
            if ended.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("vitals-ask".to_owned());
    match thread.spawn(run) {
        Ok(_) => Ok(()),
        Err(error) => Err(ConfigError::new("sampler", name, error.to_string())),
    }
}

/// Asks in a task on the current runtime, first at once. `None`, and no answer within `timeout`, mean that nothing is known. It
/// ends with the counters.
///
/// # Errors
///
/// If there is no Tokio runtime with a clock.
pub(super) fn in_task<F>(
    name: &str,
    every: Duration,
    timeout: Duration,
    metrics: Option<&Metrics>,
    mut ask: impl FnMut() -> F + Send + 'static,
) -> Result<(), ConfigError>
where
    F: Future<Output = Option<Vec<Sampled>>> + Send + 'static,
{
    let runtime = runtime::with_clock(name)?;
    let sampler = Sampler::new(name);
    let ended = Metrics::publish_sampler(metrics, &sampler);
    let counters = metrics.map(Metrics::weak);
    runtime.clone().spawn(async move {
        while ended.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            // A task of its own: a panic ends only that.
            let asked = runtime.spawn(time::timeout(timeout, ask()));
            match asked.await {
                Ok(Ok(Some(values))) => sampler.put(values),
                Ok(_) => sampler.forget(),
                Err(_) => {
                    sampler.forget();
                    failed(counters.as_ref());
                }
            }
            time::sleep(every).await;
        }
    });
    Ok(())
}

/// Counts a question that panicked, in these counters as long as they are there, or in those of the process.
fn failed(counters: Option<&impl Fn() -> Option<Metrics>>) {
    match counters {
        Some(counters) => {
            if let Some(metrics) = counters() {
                metrics.hook_failed();
            }
        }
        None => Metrics::note_hook_failed(None),
    }
}
