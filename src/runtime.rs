//! Finds the Tokio runtime that timers need, when something is built and not when a timer fails. Measures how late it is.

#[cfg(any(feature = "health", feature = "process"))]
pub(crate) mod lag;

use std::{
    panic::catch_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

use crate::config::ConfigError;

/// Asks again and again whether the current runtime has a clock. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    is_missing: Arc<AtomicBool>,
}

// === impl Clock ===

impl Clock {
    /// Whether the current runtime has a clock. If one had none, none has any more: each look at such a runtime is a panic, which the
    /// application's panic hook prints or reports.
    pub(crate) fn is_there(&self) -> bool {
        if Handle::try_current().is_err() || self.is_missing.load(Relaxed) {
            return false;
        }
        let is_there = with_clock("clock").is_ok();
        self.is_missing.fetch_or(!is_there, Relaxed);
        is_there
    }
}

/// The current runtime. An error for `field` if there is none, or if it has no clock.
///
/// Tokio tells that a runtime has no clock by a panic alone. So the panic hook hears of such a runtime, too, and a process that
/// aborts at panics aborts here.
pub(crate) fn with_clock(field: &str) -> Result<Handle, ConfigError> {
    let refuse = |reason| ConfigError::new(field, "on", reason);
    let runtime = Handle::try_current()
        .map_err(|_| refuse("needs a Tokio runtime: build within one, or leave it off"))?;
    catch_unwind(|| drop(time::sleep(Duration::ZERO)))
        .map_err(|_| refuse("needs the runtime's time driver: Builder::enable_time"))?;
    Ok(runtime)
}

/// The current time, also on a thread that is ending. There the clock of tokio panics if a test can pause it.
pub(crate) fn late_now() -> Instant {
    match Handle::try_current() {
        #[expect(
            clippy::disallowed_types,
            reason = "the clock of tokio is already destroyed here"
        )]
        Err(error) if error.is_thread_local_destroyed() => std::time::Instant::now().into(),
        _ => Instant::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_without_a_clock_is_found_by_one_panic() {
        let without = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Clock::default();
        without.block_on(async {
            assert!(!clock.is_there());
            assert_eq!(with_clock("x").unwrap_err().field(), "x");
        });
        // It panics no more, also not where there is one.
        let with = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        with.block_on(async {
            assert!(!clock.clone().is_there());
            assert!(Clock::default().is_there());
        });
    }
}
