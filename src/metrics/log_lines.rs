//! Counts the log lines that were lost. They belong to the process, and can be lost before it has counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static LOST: AtomicU64 = AtomicU64::new(0);

/// Counts lines that were not written. It makes no counters, whose settings would then be fixed.
pub(crate) fn lost(lines: u64) {
    LOST.fetch_add(lines, Relaxed);
}

/// How many lines were lost since the start.
pub(super) fn total() -> u64 {
    LOST.load(Relaxed)
}
