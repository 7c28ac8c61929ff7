//! Chooses whether the process itself is measured.

use super::VitalsBuilder;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Also publishes what the process, its container and its Tokio runtime use. Defaults to off.
    ///
    /// Threads ask for it every 10 s, first at once. No request and no scrape waits for them. What the platform does not tell is
    /// absent, and so is a limit that is not there. `vitals_sample_age_seconds{sampler}` tells how old the values of `process`,
    /// `memory`, `runtime` and `host` are.
    ///
    /// - `process_cpu_seconds_total`, `process_open_fds`, `process_max_fds`, `process_virtual_memory_bytes`,
    ///   `process_virtual_memory_max_bytes`, `process_resident_memory_bytes`, `process_start_time_seconds` and `process_threads`, as
    ///   Prometheus names them.
    /// - `cpu_usage_percent`: since the last question, from 0 on; 100 is one processor. Absent at first.
    /// - `memory_usage_bytes` and `memory_usage_percent`: the working set of the container against its limit, in cgroups of version 1
    ///   and 2. If those above it have a limit, too, the one that is used up most counts. Without a limit it is the memory in use on
    ///   the host. Linux only.
    /// - `tokio_workers`, `tokio_alive_tasks`, `tokio_workers_busy_ratio` (from 0 to 1, since the last question) and
    ///   `tokio_scheduling_lag_seconds` (the longest time since the last question that a task waited for its turn, measured every
    ///   100 ms; also while the runtime is blocked). They are of the runtime in which [`build`](Self::build) runs, and absent without
    ///   one, without its clock, and after its end. Timers are late by up to 2 ms.
    /// - With feature `host`, on Linux: `host_disk_read_bytes_total`, `host_disk_written_bytes_total`,
    ///   `host_network_receive_bytes_total` and `host_network_transmit_bytes_total`, for at most 64 disks and 64 interfaces. They
    ///   are those with a device of their own. The network is that of the container, if the process is in one: then all
    ///   interfaces but the loopback are shown.
    ///
    /// The names belong to this crate then: what the application records under them, by a crate such as `metrics-process`, is
    /// dropped, with one warning for each name. If this is off, it can record metrics of these names itself.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().process_metrics().isolated().build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "process")))]
    pub fn process_metrics(mut self) -> Self {
        self.settings = self.settings.process_metrics();
        self
    }
}
