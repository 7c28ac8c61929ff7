//! Measures how late a Tokio runtime gives tasks their turn.
//!
//! A task sleeps again and again, and notes how late it wakes. Who asks sees also that it has not come back: so a runtime that
//! is blocked shows its lag while it lasts.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

/// How long the task sleeps.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// What the task notes.
#[derive(Debug)]
pub(crate) struct Probe(Mutex<State>);

#[derive(Debug)]
struct State {
    /// When the task wants to wake next.
    due: Instant,
    /// The largest lag since the last question.
    worst: Duration,
    /// The runtime is gone, and the task with it.
    ended: bool,
}

/// Notes the end of the task.
struct Ends(Weak<Probe>);

// === impl Probe ===

impl Probe {
    /// Starts the task on a runtime with a clock. It ends with the probe, or with the runtime.
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let probe = Arc::new(Self::due_at(Instant::now() + INTERVAL));
        let ends = Ends(Arc::downgrade(&probe));
        runtime.spawn(async move {
            loop {
                let Some(due) = ends.0.upgrade().map(|probe| probe.state().due) else {
                    return;
                };
                time::sleep_until(due).await;
                if let Some(probe) = ends.0.upgrade() {
                    probe.woke(Instant::now());
                }
            }
        });
        probe
    }

    fn due_at(due: Instant) -> Self {
        Self(Mutex::new(State {
            due,
            worst: Duration::ZERO,
            ended: false,
        }))
    }

    /// The largest lag since the last question, with the one that lasts now. `None` once the runtime is gone.
    pub(crate) fn take(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        if state.ended {
            return None;
        }
        let lasting = now.saturating_duration_since(state.due);
        Some(std::mem::take(&mut state.worst).max(lasting))
    }

    fn woke(&self, now: Instant) {
        let mut state = self.state();
        let late = now.saturating_duration_since(state.due);
        state.worst = state.worst.max(late);
        state.due = now + INTERVAL;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ends ===

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(probe) = self.0.upgrade() {
            probe.state().ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_lag_is_told_once_and_as_long_as_it_lasts() {
        let begin = Instant::now();
        let probe = Probe::due_at(begin + INTERVAL);
        let asked = |millis| probe.take(begin + ms(millis)).unwrap();
        assert_eq!(asked(50), ms(0), "not due yet");
        probe.woke(begin + ms(103));
        probe.woke(begin + ms(443));
        probe.woke(begin + ms(545));
        assert_eq!(asked(600), ms(240), "the largest of 3, 240 and 2");
        assert_eq!(asked(645), ms(0), "since the last question");
        // It does not come back.
        assert_eq!(asked(2_645), ms(2_000));
        assert_eq!(asked(7_645), ms(7_000));
        probe.woke(begin + ms(8_645));
        assert_eq!(asked(8_700), ms(8_000), "nor is the end of it forgotten");
        assert_eq!(asked(8_700), ms(0));
    }

    #[test]
    fn a_runtime_that_is_gone_has_no_lag() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let probe = Probe::start(runtime.handle());
        runtime.block_on(async { time::sleep(ms(1_050)).await });
        let now = runtime.block_on(async { Instant::now() });
        assert!(probe.take(now).unwrap() < ms(10));
        drop(runtime);
        assert_eq!(probe.take(now + ms(60_000)), None);
    }

    #[test]
    fn the_task_ends_with_the_probe() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let probe = Probe::start(runtime.handle());
        let tasks = || runtime.metrics().num_alive_tasks();
        runtime.block_on(async { time::sleep(ms(1_050)).await });
        assert_eq!(tasks(), 1);
        drop(probe);
        runtime.block_on(async { time::sleep(ms(1_050)).await });
        assert_eq!(tasks(), 0);
    }
}
