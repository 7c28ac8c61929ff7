//! Asks how much of a file system is free.

use std::{path::PathBuf, time::Duration};

use super::sampling::Sampling;
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// A file system to watch. See [`disk_space`].
#[derive(Debug)]
#[must_use = "nobody asks before `start`"]
pub struct DiskSpace {
    sampling: Sampling,
    path: PathBuf,
}

/// Watches the file system that holds `path`: it is asked from time to time, on a thread of its own.
///
/// The answer is published as `disk_free_bytes{path}`, without the reserve of the superuser, and `disk_size_bytes{path}`. A scrape
/// shows the last answer and asks nobody. Alerts over [`disk_free_percent`](crate::alerts::Signal::disk_free_percent) judge it.
///
/// ```
/// use tower_vitals::operations::disk_space;
///
/// disk_space("/var/lib").start()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// If the path is not there, or the platform does not tell, there are no values. If a network file system hangs, its last answer
/// stays, and `vitals_sample_age_seconds{sampler="disk:/var/lib"}` grows. The thread ends with the counters that get the values.
///
/// [`Check::disk`](crate::health::Check::disk) is the health check of the same.
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "disk")))]
pub fn disk_space(path: impl Into<PathBuf>) -> DiskSpace {
    let path = path.into();
    DiskSpace {
        sampling: Sampling::new("disk", &path.to_string_lossy()),
        path,
    }
}

// === impl DiskSpace ===

impl DiskSpace {
    /// How often it is asked, from 1 s to 1 h. Defaults to 10 s.
    pub const fn every(mut self, every: Duration) -> Self {
        self.sampling.every = every;
        self
    }

    /// Publishes with these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.sampling.metrics = Some(metrics.clone());
        self
    }

    /// Asks from now on, first at once.
    ///
    /// # Errors
    ///
    /// If the path is empty, `every` is out of its range, or the thread cannot start.
    pub fn start(self) -> Result<(), ConfigError> {
        let path = self.path;
        self.sampling.on_thread(move |name| {
            let Ok(space) = fs4::statvfs(&path) else {
                return Vec::new();
            };
            [
                (Id::DiskFree, space.available_space()),
                (Id::DiskSize, space.total_space()),
            ]
            .map(|(id, bytes)| Sampled::gauge(id, &[name], bytes as f64))
            .to_vec()
        })
    }
}
