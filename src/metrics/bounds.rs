//! Defines the buckets of a histogram.

use std::time::Duration;

/// The upper edges of a histogram's buckets, ascending, in nanoseconds. One more bucket is above them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds(Box<[u64]>);

// === impl Bounds ===

impl Bounds {
    /// The edges sorted and without duplicates.
    pub(crate) fn new(edges: impl IntoIterator<Item = Duration>) -> Self {
        let mut nanos: Vec<u64> = edges.into_iter().map(nanos).collect();
        nanos.sort_unstable();
        nanos.dedup();
        Self(nanos.into())
    }

    /// The edges in seconds.
    #[cfg(feature = "prometheus")]
    pub(crate) fn seconds(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|edge| seconds(*edge))
    }

    /// The lowest and the highest duration in a bucket, in nanoseconds.
    pub(super) fn bucket(&self, index: usize) -> (u64, u64) {
        let above = index.checked_sub(1).and_then(|below| self.0.get(below));
        let upto = self.0.get(index).copied().unwrap_or(u64::MAX);
        (above.map_or(0, |above| above + 1), upto)
    }

    /// How many buckets there are.
    pub(super) const fn buckets(&self) -> usize {
        self.0.len() + 1
    }

    /// The bucket of a duration. Prometheus' buckets include their upper edge.
    pub(super) fn index(&self, nanos: u64) -> usize {
        match *self.0 {
            // Most requests are fast.
            [first, ..] if nanos <= first => 0,
            _ => self.0.partition_point(|edge| *edge < nanos),
        }
    }
}

/// The nanoseconds of a duration. One above 584 years counts as 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_secs().saturating_mul(1_000_000_000);
    nanos.saturating_add(duration.subsec_nanos().into())
}

pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
