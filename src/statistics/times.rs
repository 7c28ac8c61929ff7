//! Sums durations, and shows what they were like.

use super::quantile::Quantiles;
use crate::metrics::bounds::Bounds;

/// Durations while they are summed.
#[derive(Debug, Default)]
pub(super) struct Times {
    measured: u64,
    nanos: u128,
    /// By the buckets of the grid.
    durations: Vec<u64>,
    /// Some durations are not known any more.
    given_up: bool,
}

/// Durations in milliseconds, as they are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownTimes {
    pub(super) mean_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
    pub(super) total_ms: f64,
}

// === impl Times ===

impl Times {
    /// Adds so many durations with this sum.
    pub(super) fn add(&mut self, measured: u64, nanos: u64) {
        add(&mut self.measured, measured);
        self.nanos += u128::from(nanos);
    }

    /// Adds their counts by the buckets of the grid. `None` if they were given up.
    pub(super) fn add_durations(&mut self, counts: Option<&[u64]>) {
        let Some(counts) = counts else {
            self.given_up = true;
            return;
        };
        if self.durations.len() < counts.len() {
            self.durations.resize(counts.len(), 0);
        }
        for (sum, count) in self.durations.iter_mut().zip(counts) {
            add(sum, *count);
        }
    }

    pub(super) fn finish(&self, bounds: &Bounds) -> ShownTimes {
        // A part of the durations would be a wrong answer.
        let known = self.measured > 0 && !self.given_up;
        let durations = if known { &*self.durations } else { &[] };
        let quantiles = Quantiles::new(bounds, durations);
        let percent = |percent| quantiles.percent(percent).map(|nanos| millis(nanos as f64));
        let total_ms = millis(self.nanos as f64);
        ShownTimes {
            mean_ms: (self.measured > 0).then(|| total_ms / self.measured as f64),
            p50_ms: percent(50),
            p95_ms: percent(95),
            p99_ms: percent(99),
            max_ms: quantiles.max().map(|nanos| millis(nanos as f64)),
            total_ms,
        }
    }
}

/// Counters can wrap, and a sum of them must not panic.
pub(super) const fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}
