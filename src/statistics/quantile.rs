//! Finds the value at a rank among values that were counted in buckets.

use crate::metrics::bounds::Bounds;

/// Values that were counted in buckets.
///
/// A quantile is the value at the nearest rank: of `n` sorted values the one at `ceil(q * n) - 1`. The bucket of that value is
/// known exactly, so the error is that of [`Bounds::middle`]: less than 5 % from 66 µs to 69 s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantiles<'a> {
    bounds: &'a Bounds,
    counts: &'a [u64],
    /// A sum of whole counters can be larger than one of them.
    total: u128,
}

// === impl Quantiles ===

impl<'a> Quantiles<'a> {
    pub(super) fn new(bounds: &'a Bounds, counts: &'a [u64]) -> Self {
        Self {
            bounds,
            counts,
            total: counts.iter().map(|count| u128::from(*count)).sum(),
        }
    }

    /// The value of which so many percent of all are not above it. `None` without values.
    pub(super) fn percent(&self, percent: u8) -> Option<u64> {
        // In whole numbers: with fractions, the rank of 95 % of 20 values would be a matter of rounding.
        let rank = self.total * u128::from(percent.min(100));
        let rank = rank.div_ceil(100).max(1);
        let mut upto = 0;
        let index = self.counts.iter().position(|count| {
            upto += u128::from(*count);
            upto >= rank
        })?;
        Some(self.bounds.middle(index))
    }

    /// The largest value. `None` without values.
    pub(super) fn max(&self) -> Option<u64> {
        self.percent(100)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MICROS: u64 = 1_000;
    const SECONDS: u64 = 1_000_000_000;

    fn bounds() -> Bounds {
        let edges = [5, 10, 25, 50, 100, 250, 500, 2_000, 10_000];
        Bounds::new(edges.map(Duration::from_millis)).on_grid()
    }

    fn counted(bounds: &Bounds, values: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.buckets()];
        for value in values {
            counts[bounds.index(*value)] += 1;
        }
        counts
    }

    /// The value at the nearest rank, from the values themselves.
    fn exact(values: &[u64], percent: usize) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        sorted[(percent * sorted.len()).div_ceil(100).max(1) - 1]
    }

    /// From 100 µs to 60 s, as many short ones as long ones.
    fn any() -> u64 {
        let octave = fastrand::u32(16..36);
        let value = (1 << octave) + fastrand::u64(..1 << octave);
        value.clamp(100 * MICROS, 60 * SECONDS)
    }

    fn some(most: usize, value: impl FnMut() -> u64) -> Vec<u64> {
        let values = std::iter::repeat_with(value);
        values.take(fastrand::usize(1..=most)).collect()
    }

    /// Values of each shape.
    fn shapes() -> Vec<(&'static str, Vec<u64>)> {
        let (one, two) = (any(), any());
        let mut sorted = some(500, any);
        sorted.sort_unstable();
        let reversed = sorted.iter().rev().copied().collect();
        let mut outlier = some(300, || one);
        outlier.push(60 * SECONDS);
        // Of ten times the duration there is a tenth.
        let tail = || {
            let power = fastrand::f64().max(1e-6).recip();
            ((100.0 * MICROS as f64 * power) as u64).min(60 * SECONDS)
        };
        vec![
            ("constant", some(300, || one)),
            ("one value", vec![one]),
            (
                "bimodal",
                some(300, || if fastrand::bool() { one } else { two }),
            ),
            ("sorted", sorted),
            ("reversed", reversed),
            ("one outlier", outlier),
            ("heavy tail", some(1_000, tail)),
        ]
    }

    #[test]
    fn quantiles_are_within_five_percent_of_exact_from_100_micros_to_60_seconds() {
        let bounds = bounds();
        let mut largest = 0.0_f64;
        for _ in 0..300 {
            for (shape, values) in shapes() {
                let counts = counted(&bounds, &values);
                let quantiles = Quantiles::new(&bounds, &counts);
                for percent in [0, 1, 50, 90, 95, 99, 100] {
                    let told = quantiles.percent(percent).unwrap() as f64;
                    let exact = exact(&values, percent.into()) as f64;
                    let error = (told - exact).abs() / exact;
                    largest = largest.max(error);
                    assert!(error < 0.05, "{shape} p{percent}: {told} for {exact}");
                }
            }
        }
        println!("the largest error was {:.2} %", largest * 100.0);
    }

    #[test]
    fn quantiles_never_fall_as_the_share_grows() {
        let bounds = bounds();
        for _ in 0..300 {
            let values = some(200, || fastrand::u64(..) >> fastrand::u32(..64));
            let counts = counted(&bounds, &values);
            let quantiles = Quantiles::new(&bounds, &counts);
            let all: Vec<_> = (0..=100)
                .map(|percent| quantiles.percent(percent))
                .collect();
            assert!(all.is_sorted(), "{values:?}");
            assert_eq!(all[100], quantiles.max());
        }
    }

    #[test]
    fn a_rank_is_a_whole_number() {
        let bounds = bounds();
        // The 19th of 20 values is p95, and the 20th is only p100.
        let values: Vec<u64> = (1..=20).map(|n| n * SECONDS).collect();
        let counts = counted(&bounds, &values);
        let quantiles = Quantiles::new(&bounds, &counts);
        let middle = |seconds: u64| bounds.middle(bounds.index(seconds * SECONDS));
        assert_eq!(quantiles.percent(95), Some(middle(19)));
        assert_eq!(quantiles.percent(96), Some(middle(20)));
        assert_eq!(quantiles.percent(50), Some(middle(10)));
        assert_eq!(quantiles.percent(0), Some(middle(1)));
    }

    #[test]
    fn the_smallest_and_the_largest_values_have_a_place() {
        let bounds = bounds();
        let zero = counted(&bounds, &[0; 7]);
        let zero = Quantiles::new(&bounds, &zero);
        assert_eq!(
            (zero.percent(0), zero.max()),
            (Some(1 << 15), Some(1 << 15))
        );
        // Above the grid the value is only known to be above it.
        let longest = counted(&bounds, &[u64::MAX; 3]);
        let longest = Quantiles::new(&bounds, &longest);
        let above = Some((1 << 36) + 1);
        assert_eq!((longest.percent(50), longest.max()), (above, above));
    }

    #[test]
    fn counts_can_be_as_large_as_counters() {
        let bounds = bounds();
        let mut counts = vec![0; bounds.buckets()];
        counts[10] = u64::MAX;
        counts[20] = u64::MAX;
        let quantiles = Quantiles::new(&bounds, &counts);
        let middles = [10, 20].map(|index| Some(bounds.middle(index)));
        assert_eq!([quantiles.percent(50), quantiles.percent(51)], middles);
    }

    #[test]
    fn without_values_there_is_no_quantile() {
        let bounds = bounds();
        for counts in [vec![], vec![0; bounds.buckets()]] {
            let quantiles = Quantiles::new(&bounds, &counts);
            assert_eq!((quantiles.percent(50), quantiles.max()), (None, None));
        }
    }
}
