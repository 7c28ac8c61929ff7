//! Counts the requests of one set of labels.

use std::{sync::Arc, time::Duration};

use super::{
    bounds::{Bounds, nanos},
    counts::{Adder, Counts, Places},
    memory::allocated,
    samples::{Fine, Histogram},
};
use crate::facts::{
    category::ErrorCategory,
    labels::{MethodLabel, StatusLabel},
    severity::Severity,
    work::CallOutcome,
};

/// The counters of a series, in this order: requests without a duration, the severities, the sum of all values, and the count of
/// each bucket.
const UNMEASURED: usize = 0;
const SEVERITIES: usize = 1;
const SUM: usize = SEVERITIES + Severity::ALL.len();
const BUCKETS: usize = SUM + 1;

/// The counters of one set of labels.
#[derive(Debug)]
pub(crate) struct Series {
    pub(super) endpoint: Arc<str>,
    pub(super) key: SeriesKey,
    /// Counts the endpoints that are over the cap.
    pub(super) overflow: bool,
    pub(super) counts: Counts,
}

/// Tells the series of one endpoint apart: the indices of two labels. Each table has its own meaning for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey(pub(super) u8, pub(super) u16);

/// The counts of one series, summed over all threads.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// All requests, also those without a duration.
    pub(super) requests: u64,
    pub(super) severities: [u64; Severity::ALL.len()],
    /// The sum of all values, in nanoseconds or bytes.
    pub(super) sum: u64,
    /// The count of each bucket.
    pub(super) counts: Vec<u64>,
}

/// The values of one series, or of several, by their buckets.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    published: Vec<u64>,
    /// The counts of all buckets, where they are wanted.
    fine: Option<Vec<u64>>,
    sum: u64,
}

/// One request, as a series counts it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// What the histogram counts, if it was measured: nanoseconds or bytes.
    pub(super) value: Option<u64>,
    pub(super) severity: Option<Severity>,
}

// === impl Series ===

impl Series {
    /// Series without `bounds` count requests, and nothing else.
    pub(super) fn new(
        endpoint: Arc<str>,
        key: SeriesKey,
        overflow: bool,
        bounds: Option<&Bounds>,
        places: Arc<Places>,
    ) -> Self {
        Self {
            endpoint,
            key,
            overflow,
            counts: Counts::new(counters(bounds), places),
        }
    }

    /// The most memory of one series, without the text of its endpoint.
    pub(super) fn bytes(bounds: Option<&Bounds>) -> usize {
        // With the two counts of its owners, and a place in a list that is at least half full.
        let series = allocated(size_of::<Self>() + 16) + 2 * size_of::<Arc<Self>>();
        series + Counts::bytes(counters(bounds))
    }

    /// The method, in a table by method and status.
    pub(super) const fn method(&self) -> MethodLabel {
        MethodLabel::at(self.key.0)
    }

    /// The status, in a table by method and status.
    pub(super) const fn status(&self) -> StatusLabel {
        StatusLabel::at(self.key.1)
    }

    /// The category, in a table by category.
    pub(super) fn category(&self) -> ErrorCategory {
        let category = ErrorCategory::ALL.get(usize::from(self.key.1));
        category.copied().unwrap_or(ErrorCategory::ServerError)
    }

    /// The way it ended, in a table of work. `None` if nobody knows.
    pub(super) fn known_outcome(&self) -> Option<CallOutcome> {
        CallOutcome::at(self.key.1.into())
    }

    /// The same, where it is known.
    pub(super) fn outcome(&self) -> CallOutcome {
        self.known_outcome().unwrap_or(CallOutcome::Error)
    }

    pub(super) fn read(&self) -> Reading {
        let mut counts = self.counts.read();
        let buckets = counts.split_off(BUCKETS.min(counts.len()));
        let mut reading = Reading {
            requests: counts.first().copied().unwrap_or(0),
            sum: counts.get(SUM).copied().unwrap_or(0),
            counts: buckets,
            ..Reading::default()
        };
        for (severity, count) in reading
            .severities
            .iter_mut()
            .zip(counts.iter().skip(SEVERITIES))
        {
            *severity = *count;
        }
        for count in &reading.counts {
            reading.requests = reading.requests.wrapping_add(*count);
        }
        reading
    }
}

impl AsRef<Counts> for Series {
    fn as_ref(&self) -> &Counts {
        &self.counts
    }
}

// === impl Sample ===

impl Sample {
    /// A request of which only the duration matters.
    pub(super) fn of(duration: Duration) -> Self {
        Self::of_bytes(nanos(duration))
    }

    /// A request of which only the bytes matter.
    pub(super) const fn of_bytes(bytes: u64) -> Self {
        Self {
            value: Some(bytes),
            severity: None,
        }
    }

    /// Counts this request.
    #[inline]
    pub(super) fn add_to(self, adder: Adder<'_>, bounds: Option<&Bounds>) {
        match self.value.zip(bounds) {
            Some((value, bounds)) => {
                adder.add(BUCKETS + bounds.index(value), 1);
                adder.add(SUM, value);
            }
            None => adder.add(UNMEASURED, 1),
        }
        if let Some(severity) = self.severity {
            adder.add(SEVERITIES + severity as usize, 1);
        }
    }
}

// === impl Spread ===

impl Spread {
    /// The counts of all buckets, as they are published, and by choice as they are.
    pub(super) fn new(counts: Vec<u64>, sum: u64, bounds: &Bounds, fine: bool) -> Self {
        Self {
            published: bounds.published_counts(&counts),
            fine: fine.then_some(counts),
            sum,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sums: &mut Vec<u64>, more: &Vec<u64>| {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = sum.wrapping_add(*more);
            }
        };
        add(&mut self.published, &other.published);
        if let (Some(fine), Some(more)) = (&mut self.fine, &other.fine) {
            add(fine, more);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The histogram with these bounds, whose published edges are `edges`.
    pub(super) fn histogram<'a>(&'a self, bounds: &'a Bounds, edges: &'a [f64]) -> Histogram<'a> {
        let fine = |counts| Fine {
            bounds,
            counts,
            sum: self.sum,
        };
        Histogram {
            edges,
            counts: &self.published,
            sum: bounds.shown(self.sum),
            range: None,
            exemplars: &[],
            fine: self.fine.as_deref().map(fine),
        }
    }
}

/// How many counters a series has.
pub(super) fn counters(bounds: Option<&Bounds>) -> usize {
    bounds.map_or(1, |bounds| BUCKETS + bounds.buckets())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(bounds: &Bounds) -> Series {
        let places = Arc::new(Places::new(0));
        Series::new("/".into(), SeriesKey(0, 200), false, Some(bounds), places)
    }

    fn count(series: &Series, sample: Sample, bounds: &Bounds) {
        series
            .counts
            .add(|adder| sample.add_to(adder, Some(bounds)));
    }

    #[test]
    fn every_observation_is_in_its_own_bucket_and_the_sum_is_exact() {
        let some = |most, value: fn() -> u64| -> Vec<_> {
            std::iter::repeat_with(value).take(most).collect()
        };
        for _ in 0..200 {
            let edges = some(fastrand::usize(1..20), || fastrand::u64(1..10_000));
            let values = some(fastrand::usize(..200), || fastrand::u64(..12_000));
            let bounds = Bounds::new(edges.iter().copied().map(Duration::from_nanos));
            let bounds = if fastrand::bool() {
                bounds.on_grid()
            } else {
                bounds
            };
            let series = series(&bounds);
            for value in &values {
                count(&series, Sample::of_bytes(*value), &bounds);
            }
            let reading = series.read();
            assert_eq!(reading.requests, values.len() as u64);
            assert_eq!(reading.sum, values.iter().sum::<u64>());
            for (index, told) in reading.counts.iter().enumerate() {
                let (from, upto) = bounds.bucket(index);
                let mine = values.iter().filter(|value| (from..=upto).contains(value));
                assert_eq!(*told, mine.count() as u64, "{edges:?} {values:?}");
            }
        }
    }

    #[test]
    fn counters_wrap_instead_of_panicking() {
        let bounds = Bounds::new([Duration::from_secs(1)]);
        let series = series(&bounds);
        for _ in 0..3 {
            let sample = Sample {
                severity: Some(Severity::Critical),
                ..Sample::of(Duration::MAX)
            };
            count(&series, sample, &bounds);
        }
        let reading = series.read();
        assert_eq!(
            (reading.counts[1], reading.sum),
            (3, u64::MAX.wrapping_mul(3))
        );
        assert_eq!(reading.severities, [0, 0, 0, 3]);
    }
}
