//! Counts for a counter, and holds the value of a gauge.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use metrics::{CounterFn, GaugeFn};

use super::{dropped::Dropped, float::Float};

/// The value of a counter. It wraps at 2^64.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

/// The value of a gauge.
///
/// `set` takes every number, since `NaN` and infinities are values of a gauge for Prometheus. What is added or taken away must
/// be finite: else the gauge would be lost until the next `set`. What is not finite is counted as dropped.
#[derive(Debug)]
pub(super) struct Level {
    value: Float,
    dropped: Arc<Dropped>,
}

// === impl Count ===

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Relaxed);
    }
}

// === impl Level ===

impl Level {
    pub(super) const fn new(dropped: Arc<Dropped>) -> Self {
        Self {
            value: Float::new(0.0),
            dropped,
        }
    }

    pub(super) fn get(&self) -> f64 {
        self.value.get()
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        if value.is_finite() {
            self.value.change(|now| now + value);
        } else {
            self.dropped.add(1);
        }
    }

    fn decrement(&self, value: f64) {
        self.increment(-value);
    }

    fn set(&self, value: f64) {
        self.value.set(value);
    }
}
