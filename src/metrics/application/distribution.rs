//! Counts for a histogram, in fixed buckets.

use std::sync::{
    Arc,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

use metrics::HistogramFn;

use super::{super::samples, dropped::Dropped, float::Float};

/// The counts of a histogram. No sample is kept, so it never grows, scraped or not.
///
/// The sum is exact as far as a number with a fraction can be, and stays finite: at the largest number it no longer grows. `NaN`
/// and infinities belong to no bucket, and would spoil the sum for good. They are not recorded, and are counted as dropped.
#[derive(Debug)]
pub(super) struct Distribution {
    /// The upper edges of the buckets, ascending.
    edges: Arc<[f64]>,
    /// One more than edges.
    counts: Box<[AtomicU64]>,
    sum: Float,
    /// The smallest value. Infinite without one.
    least: Float,
    /// The largest value. Infinite without one.
    most: Float,
    dropped: Arc<Dropped>,
}

// === impl Distribution ===

impl Distribution {
    pub(super) fn new(edges: Arc<[f64]>, dropped: Arc<Dropped>) -> Self {
        Self {
            counts: (0..=edges.len()).map(|_| AtomicU64::new(0)).collect(),
            edges,
            sum: Float::new(0.0),
            least: Float::new(f64::INFINITY),
            most: Float::new(f64::NEG_INFINITY),
            dropped,
        }
    }

    /// Gives the counts of this moment. While others record, the sum can be ahead of the counts, and never behind.
    pub(super) fn read(&self, give: impl FnOnce(&samples::Histogram<'_>)) {
        // First, so that what is counted here is in the sum and in the range.
        let counts: Vec<_> = self
            .counts
            .iter()
            .map(|count| count.load(Acquire))
            .collect();
        let range = counts.iter().any(|count| *count > 0);
        give(&samples::Histogram {
            edges: &self.edges,
            counts: &counts,
            sum: self.sum.get(),
            range: range.then(|| (self.least.get(), self.most.get())),
            exemplars: &[],
            fine: None,
        });
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        if !value.is_finite() {
            self.dropped.add(count as u64);
            return;
        }
        if count == 0 {
            return;
        }
        self.least.change(|least| least.min(value));
        self.most.change(|most| most.max(value));
        let total = value * count as f64;
        self.sum
            .change(|sum| (sum + total).clamp(f64::MIN, f64::MAX));
        // Prometheus' buckets include their upper edge.
        let index = self.edges.partition_point(|edge| *edge < value);
        if let Some(bucket) = self.counts.get(index) {
            bucket.fetch_add(count as u64, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Read {
        counts: Vec<u64>,
        sum: f64,
        range: Option<(f64, f64)>,
    }

    fn of(edges: &[f64]) -> Distribution {
        Distribution::new(edges.into(), Arc::default())
    }

    fn read(distribution: &Distribution) -> Read {
        let mut read = None;
        distribution.read(|histogram| {
            read = Some(Read {
                counts: histogram.counts.to_vec(),
                sum: histogram.sum,
                range: histogram.range,
            });
        });
        read.unwrap()
    }

    #[test]
    fn each_value_is_in_its_own_bucket_and_the_sum_is_exact() {
        for _ in 0..200 {
            let mut edges: Vec<_> = (0..fastrand::usize(1..=64))
                .map(|_| f64::from(fastrand::i32(-500..500)))
                .collect();
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            let distribution = of(&edges);
            let mut counts = vec![0; edges.len() + 1];
            let (mut sum, mut least, mut most) = (0.0, f64::MAX, f64::MIN);
            for _ in 0..200 {
                let (value, count) = (f64::from(fastrand::i32(-600..600)), fastrand::usize(1..4));
                if count == 1 {
                    distribution.record(value);
                } else {
                    distribution.record_many(value, count);
                }
                let bucket = edges.iter().position(|edge| value <= *edge);
                counts[bucket.unwrap_or(edges.len())] += count as u64;
                sum += value * count as f64;
                least = value.min(least);
                most = value.max(most);
            }
            let read = read(&distribution);
            assert_eq!((read.counts, read.sum), (counts, sum));
            assert_eq!(read.range, Some((least, most)));
        }
    }

    #[test]
    fn without_a_value_there_is_no_range() {
        let distribution = of(&[1.0]);
        distribution.record_many(5.0, 0);
        let none = read(&distribution);
        assert_eq!((none.counts, none.sum), (vec![0, 0], 0.0));
        assert_eq!(none.range, None);
        distribution.record(1.0);
        assert_eq!(read(&distribution).range, Some((1.0, 1.0)));
    }

    #[test]
    fn odd_numbers_are_dropped_and_counted() {
        let distribution = of(&[1.0]);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            distribution.record(odd);
            distribution.record_many(odd, 10);
        }
        assert_eq!(distribution.dropped.get(), 33);
        let subnormal = f64::MIN_POSITIVE / 2.0;
        for value in [-3.0, subnormal, 4.0] {
            distribution.record(value);
        }
        let read = read(&distribution);
        assert_eq!((read.counts, read.sum), (vec![2, 1], 1.0));
        assert_eq!(read.range, Some((-3.0, 4.0)));
    }

    #[test]
    fn a_sum_stays_finite() {
        let distribution = of(&[1.0]);
        for _ in 0..3 {
            distribution.record_many(f64::MAX, 10);
        }
        assert_eq!(read(&distribution).sum, f64::MAX);
        for _ in 0..3 {
            distribution.record_many(f64::MIN, 10);
        }
        assert!(read(&distribution).sum.is_finite());
    }

    #[test]
    fn what_is_read_while_two_threads_record_adds_up() {
        const EACH: u64 = 20_000;
        let distribution = of(&[1.0, 2.0]);
        std::thread::scope(|scope| {
            let threads = [1.0, 2.0].map(|value| {
                let distribution = &distribution;
                scope.spawn(move || (0..EACH).for_each(|_| distribution.record(value)))
            });
            let mut before = 0;
            while !threads.iter().all(|thread| thread.is_finished()) {
                let read = read(&distribution);
                let count = read.counts.iter().sum();
                let counted = (read.counts[0] + 2 * read.counts[1]) as f64;
                assert!(read.sum >= counted, "{} {counted}", read.sum);
                assert!(count >= before);
                if let Some((least, most)) = read.range {
                    assert!(least >= 1.0 && least <= most && most <= 2.0);
                }
                before = count;
            }
        });
        let read = read(&distribution);
        assert_eq!(read.counts, [EACH, EACH, 0]);
        assert_eq!(read.sum, 3.0 * EACH as f64);
    }
}
