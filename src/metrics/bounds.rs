//! Defines the buckets of a histogram.

use std::time::Duration;

/// The upper edges of a histogram's buckets, ascending, in nanoseconds. One more bucket is above them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    edges: Box<[u64]>,
}

// === impl Bounds ===

impl Bounds {
    /// The edges of durations, sorted and without duplicates.
    pub(crate) fn new(edges: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(edges.into_iter().map(nanos).collect())
    }

    /// The edges, sorted and without duplicates.
    pub(super) fn of(mut edges: Vec<u64>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self {
            edges: edges.into(),
        }
    }

    /// The same buckets, split at more edges.
    pub(super) fn split_at(&self, more: impl IntoIterator<Item = Duration>) -> Self {
        let edges = self.edges.iter().copied();
        Self::of(edges.chain(more.into_iter().map(nanos)).collect())
    }

    /// The edges as they are published.
    #[cfg(feature = "prometheus")]
    pub(crate) fn published(&self) -> Vec<f64> {
        self.edges.iter().map(|edge| seconds(*edge)).collect()
    }

    /// The lowest and the highest value in a bucket.
    pub(super) fn bucket(&self, index: usize) -> (u64, u64) {
        let above = index.checked_sub(1).and_then(|below| self.edges.get(below));
        let upto = self.edges.get(index).copied().unwrap_or(u64::MAX);
        (above.map_or(0, |above| above + 1), upto)
    }

    /// How many buckets there are.
    pub(super) const fn buckets(&self) -> usize {
        self.edges.len() + 1
    }

    /// The bucket of a value. Prometheus' buckets include their upper edge.
    pub(super) fn index(&self, value: u64) -> usize {
        match *self.edges {
            // Most requests are fast.
            [first, ..] if value <= first => 0,
            _ => self.edges.partition_point(|edge| *edge < value),
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
