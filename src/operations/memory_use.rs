//! Asks how much memory is in use of what the process may use: of its container's limit, else of the host's.

use std::path::PathBuf;

use super::asking::{self, EVERY};
use crate::{
    bounded_file,
    cgroup::{Cgroups, Memory},
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// From here on, a limit of a cgroup is none: version 1 writes the largest number of pages.
const UNLIMITED: u64 = 1 << 62;

/// Where the numbers stand.
#[derive(Debug)]
struct Sources {
    cgroups: Cgroups,
    meminfo: PathBuf,
}

/// # Errors
///
/// If the thread cannot start.
pub(super) fn start(metrics: &Metrics) -> Result<(), ConfigError> {
    let sources = Sources {
        cgroups: Cgroups::of_process(),
        meminfo: "/proc/meminfo".into(),
    };
    sources.start(metrics)
}

// === impl Sources ===

impl Sources {
    fn start(self, metrics: &Metrics) -> Result<(), ConfigError> {
        asking::on_thread("memory", EVERY, Some(metrics), move || self.values())
    }

    /// Nothing where the platform tells neither.
    fn values(&self) -> Vec<Sampled> {
        let host = self.host();
        let most = host.map_or(UNLIMITED, |host| host.limit);
        let cgroups = self.cgroups.memory().into_iter();
        let limited = cgroups.filter(|memory| memory.limit > 0 && memory.limit <= most);
        let tightest = limited.max_by(|one, other| share(one).total_cmp(&share(other)));
        let Some(memory) = tightest.or(host) else {
            return Vec::new();
        };
        vec![
            Sampled::gauge(Id::MemoryUsage, &[], memory.used as f64),
            Sampled::gauge(Id::MemoryPercent, &[], share(&memory) * 100.0),
        ]
    }

    /// The memory of the host. `None` if it is not known.
    fn host(&self) -> Option<Memory> {
        let text = bounded_file::text(&self.meminfo)?;
        let bytes = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            let (_, value) = lines.find(|(known, _)| *known == name)?;
            let kibibytes = value.trim().strip_suffix("kB")?.trim_end();
            kibibytes.parse::<u64>().ok()?.checked_mul(1024)
        };
        let limit = bytes("MemTotal").filter(|total| *total > 0)?;
        let used = limit.checked_sub(bytes("MemAvailable")?)?;
        Some(Memory { used, limit })
    }
}

fn share(memory: &Memory) -> f64 {
    memory.used as f64 / memory.limit as f64
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
