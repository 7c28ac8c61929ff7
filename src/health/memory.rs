//! Checks the memory of the process's cgroup.

use tokio::task;

use super::{Answer, Check, check::BoxError};
use crate::cgroup::{Cgroups, Memory};

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
        Self::memory_in(name, Cgroups::of_process())
    }

    fn memory_in(name: &str, cgroups: Cgroups) -> Self {
        Self::new(name, move || {
            let cgroups = cgroups.clone();
            async move {
                let measure = move || judge(&cgroups.memory());
                Ok::<_, BoxError>(task::spawn_blocking(measure).await?)
            }
        })
        .healthy_label("within limits")
    }
}

/// Judges by the first cgroup that uses too much. Nobody uses 80 % of the huge number that means no limit.
fn judge(cgroups: &[Memory]) -> Answer {
    let full = |memory: &&Memory| memory.used >= memory.limit / 5 * 4;
    match cgroups.iter().find(full) {
        Some(Memory { used, limit }) => Answer::Degraded(format!("{used} of {limit} bytes in use")),
        None => Answer::Healthy,
    }
}

#[cfg(test)]
mod tests;
