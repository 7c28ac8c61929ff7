//! Counts the requests of one set of labels, with one shard for each thread.

use std::{
    cell::Cell,
    num::NonZero,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use super::bounds::{Bounds, nanos};
use crate::facts::severity::Severity;

/// The most shards. With more, two threads share one hardly less often.
const MOST_SHARDS: usize = 8;

/// The counters of one set of labels.
#[derive(Debug)]
pub(crate) struct Series {
    pub(super) endpoint: Arc<str>,
    pub(super) key: SeriesKey,
    /// Counts the endpoints that are over the cap.
    pub(super) overflow: bool,
    shards: Box<[OnceLock<Box<Shard>>]>,
    /// The durations of streamed bodies. Most series have none.
    streams: OnceLock<Histogram>,
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
    pub(super) generation: u64,
    pub(super) requests: u64,
    pub(super) duration: Vec<(u64, u64)>,
    pub(super) streams: Vec<(u64, u64)>,
}

/// The counts of one series, summed over its shards.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// All requests, also those without a duration.
    pub(super) requests: u64,
    pub(super) severities: [u64; 4],
    /// The count and the sum of nanoseconds of each bucket.
    pub(super) duration: Vec<(u64, u64)>,
    pub(super) streams: Vec<(u64, u64)>,
}

/// One request, as a series counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The time to the head, if it was measured.
    pub(super) head: Option<Duration>,
    pub(super) severity: Option<Severity>,
    /// The time to the end of a streamed body.
    pub(super) stream: Option<Duration>,
}

/// A shard has cache lines of its own, so that threads do not wait for each other.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    unmeasured: AtomicU64,
    severities: [AtomicU64; 4],
    duration: Histogram,
}

#[derive(Debug)]
struct Histogram(Box<[(AtomicU64, AtomicU64)]>);

// === impl Series ===

impl Series {
    pub(super) fn new(endpoint: Arc<str>, key: SeriesKey, overflow: bool) -> Self {
        Self {
            endpoint,
            key,
            overflow,
            shards: (0..shards()).map(|_| OnceLock::new()).collect(),
            streams: OnceLock::new(),
            published: Mutex::default(),
        }
    }

    /// The most memory of one series, with an endpoint of `text` bytes.
    pub(super) fn bytes(text: usize, bounds: &Bounds, streams: &Bounds) -> usize {
        let pair = size_of::<(u64, u64)>();
        // 64 bytes for the allocator's own data.
        let shard = size_of::<Shard>() + bounds.buckets() * pair + 64;
        let published = (bounds.buckets() + streams.buckets()) * pair;
        let streams = streams.buckets() * pair;
        size_of::<Self>() + text + shards() * (shard + 16) + published + streams + 128
    }

    pub(super) fn record(&self, sample: Sample, bounds: &Bounds, streams: &Bounds) {
        if let Some(shard) = self.shards.get(shard()) {
            let shard = shard.get_or_init(|| Box::new(Shard::new(bounds)));
            match sample.head {
                Some(head) => shard.duration.record(nanos(head), bounds),
                None => _ = shard.unmeasured.fetch_add(1, Relaxed),
            }
            if let Some(severity) = sample.severity {
                shard.severities[severity as usize].fetch_add(1, Relaxed);
            }
        }
        if let Some(stream) = sample.stream {
            let histogram = self.streams.get_or_init(|| Histogram::new(streams));
            histogram.record(nanos(stream), streams);
        }
    }

    pub(super) fn read(&self) -> Reading {
        let mut reading = Reading::default();
        for shard in self.shards.iter().filter_map(OnceLock::get) {
            shard.duration.add_to(&mut reading.duration);
            let unmeasured = shard.unmeasured.load(Relaxed);
            reading.requests = reading.requests.wrapping_add(unmeasured);
            for (sum, severity) in reading.severities.iter_mut().zip(&shard.severities) {
                *sum = sum.wrapping_add(severity.load(Relaxed));
            }
        }
        for (count, _) in &reading.duration {
            reading.requests = reading.requests.wrapping_add(*count);
        }
        if let Some(streams) = self.streams.get() {
            streams.add_to(&mut reading.streams);
        }
        reading
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
        } else if self.requests == reading.requests
            && count(&self.streams) == count(&reading.streams)
        {
            return false;
        }
        self.requests = reading.requests;
        true
    }
}

// === impl Shard ===

impl Shard {
    fn new(bounds: &Bounds) -> Self {
        Self {
            unmeasured: AtomicU64::new(0),
            severities: Default::default(),
            duration: Histogram::new(bounds),
        }
    }
}

// === impl Histogram ===

impl Histogram {
    fn new(bounds: &Bounds) -> Self {
        Self((0..bounds.buckets()).map(|_| Default::default()).collect())
    }

    fn record(&self, nanos: u64, bounds: &Bounds) {
        if let Some((count, sum)) = self.0.get(bounds.index(nanos)) {
            count.fetch_add(1, Relaxed);
            sum.fetch_add(nanos, Relaxed);
        }
    }

    fn add_to(&self, totals: &mut Vec<(u64, u64)>) {
        totals.resize(self.0.len(), (0, 0));
        for (total, (count, sum)) in totals.iter_mut().zip(&self.0) {
            total.0 = total.0.wrapping_add(count.load(Relaxed));
            total.1 = total.1.wrapping_add(sum.load(Relaxed));
        }
    }
}

fn count(buckets: &[(u64, u64)]) -> u64 {
    let counts = buckets.iter().map(|(count, _)| count);
    counts.fold(0, |sum, count| sum.wrapping_add(*count))
}

/// How many shards each series has on this machine.
pub(super) fn shards() -> usize {
    static SHARDS: OnceLock<usize> = OnceLock::new();
    *SHARDS.get_or_init(|| {
        thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_SHARDS)
    })
}

/// The shard of this thread. Threads take the shards in turn.
pub(super) fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // This thread-local has no destructor, so it is never gone.
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Relaxed) % shards());
        }
        mine.get()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_observation_is_in_its_own_bucket_and_the_sum_is_exact(
            edges in prop::collection::vec(1u64..10_000, 1..20),
            values in prop::collection::vec(0u64..12_000, 0..200),
        ) {
            let bounds = Bounds::new(edges.into_iter().map(Duration::from_nanos));
            let series = Series::new("/".into(), SeriesKey(0, 200), false);
            for value in &values {
                let head = Some(Duration::from_nanos(*value));
                series.record(Sample { head, severity: None, stream: None }, &bounds, &bounds);
            }
            let reading = series.read();
            prop_assert_eq!(reading.requests, values.len() as u64);
            for (index, told) in reading.duration.iter().enumerate() {
                let (from, upto) = bounds.bucket(index);
                let mine = values.iter().filter(|value| (from..=upto).contains(value));
                prop_assert_eq!(*told, (mine.clone().count() as u64, mine.sum()));
            }
        }
    }

    #[test]
    fn counters_wrap_instead_of_panicking() {
        let bounds = Bounds::new([Duration::from_secs(1)]);
        let series = Series::new("/".into(), SeriesKey(0, 200), false);
        for _ in 0..3 {
            let sample = Sample {
                head: Some(Duration::MAX),
                severity: Some(Severity::Critical),
                stream: Some(Duration::MAX),
            };
            series.record(sample, &bounds, &bounds);
        }
        let reading = series.read();
        assert_eq!(reading.duration[1], (3, u64::MAX.wrapping_mul(3)));
        assert_eq!(reading.severities, [0, 0, 0, 3]);
    }
}
