//! Defines the buckets of a histogram.

use std::time::Duration;

use super::grid;

/// The buckets of a histogram: those that are counted, and those that are published, which are made of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The upper edges of the buckets that are counted, ascending. One more bucket is above them all.
    edges: Box<[u64]>,
    /// How many buckets lie below each edge that is published.
    published: Box<[usize]>,
    /// The first bucket of each step of the grid. Empty without a grid.
    steps: Box<[usize]>,
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
            published: (1..=edges.len()).collect(),
            steps: Box::default(),
            edges: edges.into(),
            measure,
        }
    }

    /// The same buckets, split at more edges. They have no grid.
    pub(super) fn split_at(&self, more: impl IntoIterator<Item = Duration>) -> Self {
        let edges = self.published_edges();
        let edges = edges.chain(more.into_iter().map(nanos));
        Self::of(self.measure, edges.collect())
    }

    /// The same published buckets, counted by the steps of the grid, each split at the published edges in it. So a published
    /// count is a sum of counts.
    pub(crate) fn on_grid(&self) -> Self {
        let mut edges: Vec<_> = self.published_edges().chain(grid::edges()).collect();
        edges.sort_unstable();
        edges.dedup();
        let below = |edge: u64| edges.partition_point(|other| *other <= edge);
        let beginnings = std::iter::once(0).chain(grid::edges());
        Self {
            published: self.published_edges().map(below).collect(),
            steps: beginnings.map(below).collect(),
            edges: edges.into(),
            measure: self.measure,
        }
    }

    /// The edges as they are published.
    pub(crate) fn published(&self) -> Vec<f64> {
        let edges = self.published_edges();
        edges.map(|edge| self.shown(edge)).collect()
    }

    /// The counts of the published buckets, not cumulative, from those of all buckets.
    pub(crate) fn published_counts(&self, counts: &[u64]) -> Vec<u64> {
        let ends = self.published.iter().copied().chain([counts.len()]);
        let mut from = 0;
        ends.map(|end| {
            let bucket = counts.get(from..end).unwrap_or_default();
            from = end;
            bucket
                .iter()
                .fold(0_u64, |sum, count| sum.wrapping_add(*count))
        })
        .collect()
    }

    /// A value as it is published.
    pub(crate) const fn shown(&self, value: u64) -> f64 {
        match self.measure {
            Measure::Seconds => value as f64 / 1e9,
            Measure::Bytes => value as f64,
        }
    }

    /// The upper edges of all buckets but the last.
    pub(crate) const fn edges(&self) -> &[u64] {
        &self.edges
    }

    /// The lowest and the highest value in a bucket.
    pub(crate) fn bucket(&self, index: usize) -> (u64, u64) {
        let above = index.checked_sub(1).and_then(|below| self.edges.get(below));
        let upto = self.edges.get(index).copied().unwrap_or(u64::MAX);
        (above.map_or(0, |above| above + 1), upto)
    }

    /// The value that stands for all in a bucket. From 66 µs to 69 s it differs from them by less than 5 %, on the grid. Above
    /// all edges it is the lowest value.
    pub(crate) fn middle(&self, index: usize) -> u64 {
        match self.bucket(index) {
            (from, u64::MAX) => from,
            (0, upto) => upto / 2,
            // The same share of the lowest and of the highest value.
            (from, upto) => {
                let (from, upto) = (u128::from(from), u128::from(upto));
                (2 * from * upto / (from + upto)) as u64
            }
        }
    }

    /// How many buckets there are.
    pub(crate) const fn buckets(&self) -> usize {
        self.edges.len() + 1
    }

    /// The bucket of a value. Prometheus' buckets include their upper edge.
    #[inline]
    pub(crate) fn index(&self, value: u64) -> usize {
        let Some(first) = self.steps.get(grid::step(value)) else {
            return self.edges.partition_point(|edge| *edge < value);
        };
        let mut index = *first;
        while self.edges.get(index).is_some_and(|edge| *edge < value) {
            index += 1;
        }
        index
    }

    /// The published bucket of a value.
    pub(super) fn published_index(&self, value: u64) -> usize {
        let index = self.index(value);
        self.published.partition_point(|below| *below <= index)
    }

    pub(super) fn published_edges(&self) -> impl Iterator<Item = u64> {
        let indices = self.published.iter();
        indices.filter_map(|below| self.edges.get(below.checked_sub(1)?).copied())
    }
}

/// The nanoseconds of a duration. One above 584 years counts as 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_secs().saturating_mul(1_000_000_000);
    nanos.saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random edges, on the grid.
    fn some() -> Bounds {
        let edge = || 1_u64 << fastrand::u32(0..40);
        let edges = std::iter::repeat_with(|| fastrand::u64(1..=edge()));
        Bounds::of(
            Measure::Seconds,
            edges.take(fastrand::usize(1..20)).collect(),
        )
        .on_grid()
    }

    #[test]
    fn a_value_is_found_where_a_search_finds_it() {
        for _ in 0..300 {
            let bounds = some();
            let random = std::iter::repeat_with(|| fastrand::u64(..) >> fastrand::u32(0..64));
            let edges = bounds.edges().iter();
            let around = edges.flat_map(|edge| [edge - 1, *edge, edge + 1]);
            for value in around.chain(random.take(500)).chain([0, u64::MAX]) {
                let searched = bounds.edges().partition_point(|edge| *edge < value);
                assert_eq!(bounds.index(value), searched, "{value} {bounds:?}");
            }
        }
    }

    #[test]
    fn published_counts_are_sums_of_fine_ones() {
        for _ in 0..300 {
            let fine = some();
            let plain = Bounds::of(Measure::Seconds, fine.published_edges().collect());
            let mut counts = vec![0; fine.buckets()];
            let mut published = vec![0; plain.buckets()];
            for _ in 0..200 {
                let value = fastrand::u64(..) >> fastrand::u32(0..64);
                counts[fine.index(value)] += 1;
                published[plain.index(value)] += 1;
                assert_eq!(fine.published_index(value), plain.index(value));
            }
            assert_eq!(fine.published_counts(&counts), published);
            assert_eq!(fine.published(), plain.published());
        }
    }

    #[test]
    fn the_middle_is_within_five_percent_of_all_values_in_its_bucket() {
        let bounds = Bounds::of(Measure::Seconds, vec![5_000_000]).on_grid();
        for index in 0..bounds.buckets() {
            let (from, upto) = bounds.bucket(index);
            if from < 1 << 16 || upto > 1 << 36 {
                continue;
            }
            let middle = bounds.middle(index) as f64;
            for value in [from, upto] {
                let error = (middle - value as f64).abs() / value as f64;
                assert!(error < 0.05, "{value}: {error}");
            }
        }
    }
}
