//! Reads how much memory is in use of what the process may use: of its container's limit, else of the host's.

use std::path::PathBuf;

use crate::{
    bounded_file,
    cgroup::{Cgroups, Memory},
};

/// From here on, a limit of a cgroup is none: version 1 writes the largest number of pages.
const UNLIMITED: u64 = 1 << 62;

/// Where the numbers stand.
#[derive(Debug)]
pub(crate) struct UsedMemory {
    cgroups: Cgroups,
    meminfo: PathBuf,
}

// === impl UsedMemory ===

impl UsedMemory {
    /// As Linux shows it to the process.
    pub(crate) fn of_process() -> Self {
        Self::at(Cgroups::of_process(), "/proc/meminfo")
    }

    pub(crate) fn at(cgroups: Cgroups, meminfo: impl Into<PathBuf>) -> Self {
        Self {
            cgroups,
            meminfo: meminfo.into(),
        }
    }

    /// The memory of the container whose limit is nearest, else of the host. `None` where the platform tells neither. Reading can
    /// block.
    pub(crate) fn read(&self) -> Option<Memory> {
        let host = self.host();
        let most = host.map_or(UNLIMITED, |host| host.limit);
        let cgroups = self.cgroups.memory().into_iter();
        let limited = cgroups.filter(|memory| memory.limit > 0 && memory.limit <= most);
        let tightest = limited.max_by(|one, other| one.percent().total_cmp(&other.percent()));
        tightest.or(host)
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
