//! Counts the requests of one set of labels.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    bounds::{Bounds, nanos},
    counts::{Adder, Counts, Places},
    memory::allocated,
};
use crate::facts::severity::Severity;

/// The counters of a series, in this order: requests without a duration, the severities, and the count and the sum of each
/// bucket. So what most requests need is on one line of the cache.
const UNMEASURED: usize = 0;
const SEVERITIES: usize = 1;
const BUCKETS: usize = SEVERITIES + Severity::ALL.len();

/// The counters of one set of labels.
#[derive(Debug)]
pub(crate) struct Series {
    pub(super) endpoint: Arc<str>,
    pub(super) key: SeriesKey,
    /// Counts the endpoints that are over the cap.
    pub(super) overflow: bool,
    pub(super) counts: Counts,
    /// What the recorder has. Only the publisher reads it.
    pub(super) published: Mutex<Published>,
}

/// Tells the series of one endpoint apart: the indices of two labels. Each table has its own meaning for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey(pub(super) u8, pub(super) u16);

/// What a recorder has of one series.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// The generation of the recorder. Another one has nothing yet.
    generation: u64,
    requests: u64,
    pub(super) duration: Vec<(u64, u64)>,
}

/// The counts of one series, summed over all threads.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// All requests, also those without a duration.
    pub(super) requests: u64,
    pub(super) severities: [u64; Severity::ALL.len()],
    /// The count and the sum of each bucket, in nanoseconds or bytes.
    pub(super) duration: Vec<(u64, u64)>,
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
            published: Mutex::default(),
        }
    }

    /// The most memory of one series, without the text of its endpoint.
    pub(super) fn bytes(bounds: Option<&Bounds>) -> usize {
        let buckets = bounds.map_or(0, Bounds::buckets);
        let published = match buckets {
            0 => 0,
            buckets => allocated(buckets * size_of::<(u64, u64)>()),
        };
        // With the two counts of its owners, and a place in a list that is at least half full.
        let series = allocated(size_of::<Self>() + 16) + 2 * size_of::<Arc<Self>>();
        series + Counts::bytes(counters(bounds)) + published
    }

    pub(super) fn read(&self) -> Reading {
        let counts = self.counts.read();
        let (head, buckets) = counts.split_at(BUCKETS.min(counts.len()));
        let mut reading = Reading {
            requests: head.first().copied().unwrap_or(0),
            ..Reading::default()
        };
        for (severity, count) in reading.severities.iter_mut().zip(&head[SEVERITIES..]) {
            *severity = *count;
        }
        let (buckets, _) = buckets.as_chunks();
        reading.duration = buckets.iter().map(|[count, sum]| (*count, *sum)).collect();
        for (count, _) in &reading.duration {
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
                let bucket = BUCKETS + 2 * bounds.index(value);
                adder.add(bucket, 1);
                adder.add(bucket + 1, value);
            }
            None => adder.add(UNMEASURED, 1),
        }
        if let Some(severity) = self.severity {
            adder.add(SEVERITIES + severity as usize, 1);
        }
    }
}

// === impl Published ===

impl Published {
    /// Takes a reading. Returns `false` if the same recorder already has it.
    pub(super) fn update(&mut self, generation: u64, reading: &Reading) -> bool {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::default()
            };
        } else if self.requests == reading.requests {
            return false;
        }
        self.requests = reading.requests;
        true
    }
}

/// How many counters a series has.
pub(super) fn counters(bounds: Option<&Bounds>) -> usize {
    bounds.map_or(1, |bounds| BUCKETS + 2 * bounds.buckets())
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
            let series = series(&bounds);
            for value in &values {
                count(&series, Sample::of_bytes(*value), &bounds);
            }
            let reading = series.read();
            assert_eq!(reading.requests, values.len() as u64);
            for (index, told) in reading.duration.iter().enumerate() {
                let (from, upto) = bounds.bucket(index);
                let mine = values.iter().filter(|value| (from..=upto).contains(value));
                let counted = (mine.clone().count() as u64, mine.sum());
                assert_eq!(*told, counted, "{edges:?} {values:?}");
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
        assert_eq!(reading.duration[1], (3, u64::MAX.wrapping_mul(3)));
        assert_eq!(reading.severities, [0, 0, 0, 3]);
    }
}
