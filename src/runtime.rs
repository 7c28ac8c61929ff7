//! Finds the Tokio runtime that timers need, when something is built and not when a timer fails. Measures how late it is.

#[cfg(any(feature = "health", feature = "process"))]
pub(crate) mod lag;

use std::{panic::catch_unwind, time::Duration};

use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

use crate::config::ConfigError;

/// The current runtime. An error for `field` if there is none, or if it has no clock.
pub(crate) fn with_clock(field: &str) -> Result<Handle, ConfigError> {
    let refuse = |reason| ConfigError::new(field, "on", reason);
    let runtime = Handle::try_current()
        .map_err(|_| refuse("needs a Tokio runtime: build within one, or leave it off"))?;
    // Tokio has no other way to tell that a runtime has no clock.
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
