//! Holds what a window can be set to.

use std::time::Duration;

use super::moment::millis;
use crate::metrics::bounds::Bounds;

/// How long slots are, and how much memory they take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The length of the shortest slot, in milliseconds.
    pub(super) slot: u64,
    pub(super) budget: usize,
    /// How many buckets the durations have.
    pub(super) buckets: usize,
    /// Tells buckets with other edges apart.
    pub(crate) grid: u64,
}

// === impl Settings ===

impl Settings {
    /// Slots of 10 seconds, and a budget of 64 MiB, for durations with these buckets.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let bytes = bounds.edges().iter().flat_map(|edge| edge.to_le_bytes());
        // FNV-1a, which gives the same number in each build.
        let grid = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self {
            slot: 10_000,
            budget: 64 << 20,
            buckets: bounds.buckets(),
            grid,
        }
    }

    /// The length of the shortest slot, from a millisecond to an hour. The others keep their proportion. Defaults to 10 s.
    pub(crate) fn slot(mut self, slot: Duration) -> Self {
        self.slot = millis(slot).clamp(1, 3_600_000);
        self
    }

    /// The length of the shortest slot.
    pub(crate) const fn slot_length(&self) -> Duration {
        Duration::from_millis(self.slot)
    }

    /// The memory in bytes above which durations are given up. Defaults to 64 MiB.
    pub(crate) const fn budget(mut self, bytes: usize) -> Self {
        self.budget = bytes;
        self
    }
}
