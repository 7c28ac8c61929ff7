//! Defines the buckets of a histogram.

use std::time::Duration;

/// The upper edges of a histogram's buckets, ascending. One more bucket is above them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    edges: Box<[u64]>,
    measure: Measure,
}

/// What a histogram measures. It is counted in whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Counted in nanoseconds, published in seconds.
    Seconds,
    Bytes,
}

// === impl Bounds ===

impl Bounds {
    /// The edges of durations, sorted and without duplicates.
    pub(crate) fn new(edges: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(Measure::Seconds, edges.into_iter().map(nanos).collect())
    }

    /// The edges, sorted and without duplicates.
    pub(super) fn of(measure: Measure, mut edges: Vec<u64>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self {
            edges: edges.into(),
            measure,
        }
    }

    /// The same buckets, split at more edges.
    pub(super) fn split_at(&self, more: impl IntoIterator<Item = Duration>) -> Self {
        let edges = self.edges.iter().copied();
        Self::of(
            self.measure,
            edges.chain(more.into_iter().map(nanos)).collect(),
        )
    }

    /// The edges as they are published.
    #[cfg(feature = "prometheus")]
    pub(crate) fn published(&self) -> Vec<f64> {
        self.edges.iter().map(|edge| self.shown(*edge)).collect()
    }

    /// A value as it is published.
    pub(super) const fn shown(&self, value: u64) -> f64 {
        match self.measure {
            Measure::Seconds => value as f64 / 1e9,
            Measure::Bytes => value as f64,
        }
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
