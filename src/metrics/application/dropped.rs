//! Counts what is recorded and not kept.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use metrics::{CounterFn, GaugeFn, HistogramFn};

/// Counts what is recorded and not kept, by one for each recording.
#[derive(Debug, Default)]
pub(super) struct Dropped(AtomicU64);

/// A value to which label sets record for which a family has no room. It counts these recordings.
#[derive(Debug)]
pub(super) struct Overflowed<T> {
    pub(super) value: Arc<T>,
    pub(super) recordings: Arc<AtomicU64>,
}

// === impl Dropped ===

impl Dropped {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl CounterFn for Dropped {
    fn increment(&self, _: u64) {
        self.add(1);
    }

    fn absolute(&self, _: u64) {
        self.add(1);
    }
}

impl GaugeFn for Dropped {
    fn increment(&self, _: f64) {
        self.add(1);
    }

    fn decrement(&self, _: f64) {
        self.add(1);
    }

    fn set(&self, _: f64) {
        self.add(1);
    }
}

impl HistogramFn for Dropped {
    fn record(&self, _: f64) {
        self.add(1);
    }

    fn record_many(&self, _: f64, count: usize) {
        self.add(count as u64);
    }
}

// === impl Overflowed ===

impl<T> Overflowed<T> {
    fn count(&self, recordings: u64) -> &T {
        self.recordings.fetch_add(recordings, Relaxed);
        &self.value
    }
}

impl<T: CounterFn> CounterFn for Overflowed<T> {
    fn increment(&self, value: u64) {
        self.count(1).increment(value);
    }

    fn absolute(&self, value: u64) {
        self.count(1).absolute(value);
    }
}

impl<T: GaugeFn> GaugeFn for Overflowed<T> {
    fn increment(&self, value: f64) {
        self.count(1).increment(value);
    }

    fn decrement(&self, value: f64) {
        self.count(1).decrement(value);
    }

    fn set(&self, value: f64) {
        self.count(1).set(value);
    }
}

impl<T: HistogramFn> HistogramFn for Overflowed<T> {
    fn record(&self, value: f64) {
        self.count(1).record(value);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.count(count as u64).record_many(value, count);
    }
}
