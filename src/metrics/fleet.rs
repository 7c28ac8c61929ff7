//! Counts what became of an instance's writes to the Redis that it shares with others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::Metrics;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FleetOutcome {
    /// Redis confirmed it.
    Written,
    /// There was no connection.
    Unreachable,
    /// The answer took too long.
    TimedOut,
    /// Redis answered with an error.
    Refused,
}

/// Nothing before there is a fleet.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    is_on: AtomicBool,
    is_up: AtomicBool,
    /// In the order of [`FleetOutcome::TABLE`].
    writes: [AtomicU64; FleetOutcome::TABLE.len()],
}

// === impl FleetOutcome ===

impl FleetOutcome {
    /// Every outcome with the value of its label, in the order of the variants.
    pub(super) const TABLE: [(Self, &'static str); 4] = [
        (Self::Written, "written"),
        (Self::Unreachable, "unreachable"),
        (Self::TimedOut, "timeout"),
        (Self::Refused, "refused"),
    ];
}

// === impl Fleet ===

impl Fleet {
    /// Whether the last write arrived. `None` without a fleet.
    pub(super) fn is_up(&self) -> Option<bool> {
        self.is_on.load(Relaxed).then(|| self.is_up.load(Relaxed))
    }

    /// How many writes had each outcome, in the order of the outcomes.
    pub(super) fn writes(&self) -> [u64; FleetOutcome::TABLE.len()] {
        self.writes.each_ref().map(|count| count.load(Relaxed))
    }
}

// === impl Metrics ===

impl Metrics {
    /// Publishes all outcomes with 0: else `increase()` would not see the first one.
    pub(crate) fn begin_fleet(&self) {
        self.inner.fleet.is_on.store(true, Relaxed);
    }

    /// How many writes had each outcome, in the order of the outcomes.
    #[cfg(test)]
    pub(crate) fn fleet_writes(&self) -> [u64; FleetOutcome::TABLE.len()] {
        self.inner.fleet.writes()
    }

    /// Whether the last write arrived.
    #[cfg(test)]
    pub(crate) fn fleet_is_up(&self) -> bool {
        self.inner.fleet.is_up() == Some(true)
    }

    /// Counts a write to the Redis of the fleet.
    pub(crate) fn count_fleet_write(&self, outcome: FleetOutcome) {
        let fleet = &self.inner.fleet;
        fleet.writes[outcome as usize].fetch_add(1, Relaxed);
        fleet.is_up.store(outcome == FleetOutcome::Written, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_of_a_write_is_in_its_place() {
        for (index, (outcome, _)) in FleetOutcome::TABLE.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}
