//! Pushes samples to a recorder of the application.

mod spread;

use std::collections::HashMap;

use metrics::{Key, Label, Level, Metadata, Recorder};

use self::spread::values;
use super::{
    bounds::Bounds,
    memory::allocated,
    samples::{Family, Fine, Histogram, Labels, Samples},
};

static METADATA: Metadata<'_> = Metadata::new("tower_vitals", Level::INFO, None);

/// What a recorder has.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    counters: HashMap<Key, PushedCounter>,
    histograms: HashMap<Key, PushedHistogram>,
}

/// A counter of which a recorder only takes larger values.
#[derive(Clone, Copy, Debug, Default)]
struct PushedCounter {
    /// What it was here.
    value: u64,
    /// What the recorder was told. It is more if the counter began anew, as those of a Redis that started again.
    told: u64,
}

/// The counts of the buckets, and the sum of all values.
#[derive(Debug, Default)]
struct PushedHistogram {
    counts: Vec<u64>,
    sum: u64,
}

/// One round of pushes.
pub(super) struct Push<'a> {
    recorder: &'a dyn Recorder,
    pushed: &'a mut Pushed,
    /// The name of the family.
    family: String,
}

// === impl Pushed ===

impl Pushed {
    /// The most memory of what a recorder has of so many series with routes of 64 characters.
    pub(super) fn bytes(series: usize, bounds: Option<&Bounds>) -> usize {
        // The texts of a name, of a route and of a few other labels, and a place in a table of which 7 in 16 are taken.
        let key = 2 * allocated(64) + 6 * (size_of::<Label>() + allocated(24));
        let place = (size_of::<(Key, PushedHistogram)>() + 1) * 16 / 7;
        let counts = bounds.map_or(0, |bounds| allocated(bounds.buckets() * size_of::<u64>()));
        // The counter of a series, and its histogram.
        series.saturating_mul(2 * (key + place) + counts)
    }
}

// === impl PushedHistogram ===

impl PushedHistogram {
    /// Notes samples of a bucket, before anything else can panic: else the recorder would get them again.
    fn note(&mut self, bucket: usize, count: u64, value: u64) {
        if let Some(had) = self.counts.get_mut(bucket) {
            *had = had.wrapping_add(count);
        }
        self.sum = self.sum.wrapping_add(value.wrapping_mul(count));
    }
}

// === impl Push ===

impl<'a> Push<'a> {
    pub(super) const fn new(recorder: &'a dyn Recorder, pushed: &'a mut Pushed) -> Self {
        Self {
            recorder,
            pushed,
            family: String::new(),
        }
    }

    fn key(&self, labels: &Labels<'_>) -> Key {
        let labels = labels.iter();
        let labels =
            labels.map(|(name, value)| Label::new((*name).to_owned(), (*value).to_owned()));
        Key::from_parts(self.family.clone(), labels.collect::<Vec<_>>())
    }

    /// Pushes the samples of each bucket that are new. So the buckets, the count and the sum are those that were counted.
    fn samples(&mut self, key: Key, now: &Fine<'_>) {
        let had = self.pushed.histograms.entry(key.clone()).or_default();
        had.counts.resize(now.counts.len(), 0);
        let counts = now.counts.iter().zip(&had.counts);
        let counts: Vec<_> = counts.map(|(now, had)| now.wrapping_sub(*had)).collect();
        let sum = now.sum.wrapping_sub(had.sum).cast_signed();
        if counts.iter().all(|count| *count == 0) {
            return;
        }
        let handle = self.recorder.register_histogram(&key, &METADATA);
        for (bucket, value, count) in values(&counts, sum, now.bounds) {
            handle.record_many(now.bounds.shown(value), count as usize);
            had.note(bucket, count, value);
        }
    }
}

impl Samples for Push<'_> {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        let key = self.key(labels);
        let known = self.pushed.counters.get(&key).copied();
        if known.is_some_and(|known| known.value == value) {
            return;
        }
        let had = known.unwrap_or_default();
        let more = value.checked_sub(had.value).unwrap_or(value);
        let told = had.told.wrapping_add(more);
        let counter = self.recorder.register_counter(&key, &METADATA);
        counter.absolute(told);
        // Only now: if the recorder panics, the next round pushes it again.
        self.pushed
            .counters
            .insert(key, PushedCounter { value, told });
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        let gauge = self.recorder.register_gauge(&self.key(labels), &METADATA);
        gauge.set(value);
    }

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>) {
        if let Some(fine) = &histogram.fine {
            self.samples(self.key(labels), fine);
        }
    }

    fn wants_fine(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
