//! Reads what memory the process's cgroups use, and what they may use, in version 1 and 2.

use std::path::{Path, PathBuf};

use crate::bounded_file;

/// Where cgroups are mounted, and the file that names the process's own.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    mount: PathBuf,
    own: PathBuf,
}

/// The memory of one cgroup, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The working set: without the part of the file cache that the kernel gives back when it needs memory.
    pub(crate) used: u64,
    pub(crate) limit: u64,
}

/// The names of the files of one version of cgroups.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with the file cache that the kernel gives back when it needs memory.
    cache: &'static str,
}

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: "total_inactive_file",
};

const V2: Files = Files {
    limit: "memory.max",
    used: "memory.current",
    cache: "inactive_file",
};

// === impl Cgroups ===

impl Cgroups {
    /// As Linux shows them to the process.
    pub(crate) fn of_process() -> Self {
        Self::at("/sys/fs/cgroup", "/proc/self/cgroup")
    }

    pub(crate) fn at(mount: impl Into<PathBuf>, own: impl Into<PathBuf>) -> Self {
        Self {
            mount: mount.into(),
            own: own.into(),
        }
    }

    /// The process's cgroup and those above it, up to the root, as far as they have a limit. Reading can block.
    ///
    /// Version 1 writes a huge number where there is no limit.
    pub(crate) fn memory(&self) -> Vec<Memory> {
        // Without the file there is one cgroup at most, which a container sees as the root.
        let own = bounded_file::text(&self.own).unwrap_or_default();
        let (files, root, path) = place(&self.mount, &own);
        let path = path.trim_start_matches('/');
        // A container can be told a path that only the host has. Its own cgroup is the root then, as its path is not there.
        let cgroups = Path::new(path).ancestors();
        cgroups
            .filter_map(|cgroup| Memory::read(&files, &root.join(cgroup)))
            .collect()
    }
}

/// The version that limits memory, where it is mounted, and the path of the process's cgroup. The lines of `own` are
/// `number:controllers:path`.
fn place<'a>(mount: &Path, own: &'a str) -> (Files, PathBuf, &'a str) {
    let lines = own.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        Some((controllers, path))
    });
    let mut unified = "";
    for (controllers, path) in lines {
        if controllers.split(',').any(|name| name == "memory") {
            return (V1, mount.join("memory"), path);
        }
        if controllers.is_empty() {
            unified = path;
        }
    }
    (V2, mount.to_owned(), unified)
}

// === impl Memory ===

impl Memory {
    /// How much of the limit is in use.
    #[cfg(any(feature = "process", feature = "statistics"))]
    pub(crate) fn percent(&self) -> f64 {
        self.used as f64 / self.limit as f64 * 100.0
    }

    /// `None` if a file is not there or has no number: `max` means no limit.
    fn read(files: &Files, cgroup: &Path) -> Option<Self> {
        let number = |file: &str| {
            let text = bounded_file::text(&cgroup.join(file))?;
            text.trim().parse::<u64>().ok()
        };
        let (limit, used) = (number(files.limit)?, number(files.used)?);
        let stat = bounded_file::text(&cgroup.join("memory.stat")).unwrap_or_default();
        let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
        let cache = lines.find(|(name, _)| *name == files.cache);
        let cache = cache.and_then(|(_, bytes)| bytes.trim().parse().ok());
        Some(Self {
            // The numbers are not read at one moment.
            used: used.saturating_sub(cache.unwrap_or(0)),
            limit,
        })
    }
}
