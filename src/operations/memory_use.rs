//! Asks how much memory is in use of what the process may use.

use super::asking::{self, EVERY};
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
    used_memory::UsedMemory,
};

/// # Errors
///
/// If the thread cannot start.
pub(super) fn start(metrics: &Metrics) -> Result<(), ConfigError> {
    ask(UsedMemory::of_process(), metrics)
}

fn ask(memory: UsedMemory, metrics: &Metrics) -> Result<(), ConfigError> {
    asking::on_thread("memory", EVERY, Some(metrics), move || {
        // Nothing where the platform tells neither.
        let Some(memory) = memory.read() else {
            return Vec::new();
        };
        vec![
            Sampled::gauge(Id::MemoryUsage, &[], memory.used as f64),
            Sampled::gauge(Id::MemoryPercent, &[], memory.percent()),
        ]
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
