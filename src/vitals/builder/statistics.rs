//! Chooses how long and in how much memory the application keeps what it did lately.

use std::{path::PathBuf, time::Duration};

use super::VitalsBuilder;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// A file that carries what the application did lately, and its deployments, across a restart. `build` reads it, and waits for
    /// a disk that hangs 5 s at most. It is written every 10 minutes and when [`run`](crate::Vitals::run) ends or the last handle
    /// is dropped, whole or not at all. Nobody waits for the latter. Beside it are `FILE.events` and `FILE.lock`. Its folder must
    /// exist. Defaults to `MONITORING_STATE` with [`Vitals::from_env`](crate::Vitals::from_env), else to none.
    ///
    /// What goes wrong with the file later costs one event at `WARN`, and the application goes on without it. Two processes cannot
    /// share a file: the second one goes on without it.
    ///
    /// ```no_run
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().state_file("/var/lib/shop/vitals").build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn state_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.lately.state.path = Some(file.into());
        self
    }

    /// The most bytes of the state file, from 64 KiB to 1 GiB. The least used endpoints are left out first. Defaults to 16 MiB.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn state_file_bytes(mut self, most: u64) -> Self {
        self.lately.state.max_bytes = most;
        self
    }

    /// The memory in bytes above which [statistics](crate::statistics) give up durations, at least 1 MiB. The oldest ones of the
    /// least used endpoints go first: there is no p95 for them then, and all counts stay. Defaults to 64 MiB, which a thousand
    /// busy endpoints do not reach.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn statistics_memory(mut self, bytes: usize) -> Self {
        self.lately.memory = Some(bytes);
        self
    }

    /// The length of the shortest slot of [statistics](crate::statistics), from 1 ms to 1 h. All longer slots keep their
    /// proportion, and so does all that is kept: with 10 ms a test sees in 86 s what is a day otherwise. Defaults to 10 s, with
    /// which 24 hours are kept.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn statistics_slot(mut self, slot: Duration) -> Self {
        self.lately.slot = Some(slot);
        self
    }
}
