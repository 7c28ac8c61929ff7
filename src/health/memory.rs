//! Checks the memory of the process's cgroup.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::task;

use super::{Answer, Check, check::BoxError};

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

// === impl Check ===

impl Check {
    /// The memory that the process's cgroup uses, of version 1 or 2. It is degraded from 80 % of the limit on, and never fails.
    /// Without a limit, and outside Linux, it is healthy.
    ///
    /// The use is the working set, as Kubernetes counts it: without the inactive part of the file cache, which the kernel gives
    /// back when memory is needed. Where `memory.stat` cannot be read, all of the cache counts. A limit of a cgroup above the
    /// process's own counts as well, if it can be seen.
    #[must_use]
    pub fn memory(name: &str) -> Self {
        Self::memory_in(name, "/sys/fs/cgroup".into(), "/proc/self/cgroup".into())
    }

    /// As `memory`, for a mount of cgroups, and the file that names the process's own.
    fn memory_in(name: &str, mount: PathBuf, own: PathBuf) -> Self {
        Self::new(name, move || {
            let (mount, own) = (mount.clone(), own.clone());
            async move {
                // Without the file there is one cgroup at most, which a container sees as the root.
                let measure = move || look(&mount, &text(&own).unwrap_or_default());
                Ok::<_, BoxError>(task::spawn_blocking(measure).await?)
            }
        })
        .healthy_label("within limits")
    }
}

/// Judges the process's cgroup and those above it, up to the root.
fn look(mount: &Path, own: &str) -> Answer {
    let (files, root, path) = place(mount, own);
    let path = path.trim_start_matches('/');
    // A container can be told a path that only the host has. Its own cgroup is the root then, as its path is not there.
    for cgroup in Path::new(path).ancestors() {
        let answer = judge(&files, &root.join(cgroup));
        if answer != Answer::Healthy {
            return answer;
        }
    }
    Answer::Healthy
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

fn judge(files: &Files, cgroup: &Path) -> Answer {
    // `max` means no limit, as does the largest number of version 1, of which nobody uses 80 %.
    let number = |file: &str| text(&cgroup.join(file))?.trim().parse::<u64>().ok();
    let (Some(limit), Some(used)) = (number(files.limit), number(files.used)) else {
        return Answer::Healthy;
    };
    let stat = text(&cgroup.join("memory.stat")).unwrap_or_default();
    let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
    let cache = lines.find(|(name, _)| *name == files.cache);
    let cache = cache.and_then(|(_, bytes)| bytes.trim().parse().ok());
    let used = used.saturating_sub(cache.unwrap_or(0));
    match used >= limit / 5 * 4 {
        true => Answer::Degraded(format!("{used} of {limit} bytes in use")),
        false => Answer::Healthy,
    }
}

/// `None` if the file is not there or cannot be read: then nothing is known, and the check must not fail.
fn text(path: &Path) -> Option<String> {
    let text = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests;
