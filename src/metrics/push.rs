//! Pushes counters, gauges and samples of histograms to a recorder.

use metrics::{Key, Level, Metadata, Recorder};

use super::{bounds::Bounds, naming::Naming};

/// How many samples are pushed before the recorder is drained. An exporter keeps 16 bytes for each.
pub(super) const SAMPLES_AT_ONCE: u64 = 65_536;

static METADATA: Metadata<'_> = Metadata::new("tower_vitals", Level::INFO, None);

/// One round of pushes. All families get their published names here.
pub(super) struct Push<'a> {
    recorder: &'a dyn Recorder,
    naming: &'a Naming,
    /// Drains what the recorder keeps.
    drain: &'a dyn Fn(),
    /// Samples since the last drain.
    pushed: u64,
}

// === impl Push ===

impl<'a> Push<'a> {
    pub(super) const fn new(
        recorder: &'a dyn Recorder,
        naming: &'a Naming,
        drain: &'a dyn Fn(),
    ) -> Self {
        Self {
            recorder,
            naming,
            drain,
            pushed: 0,
        }
    }

    /// Sets a counter. Counters are cumulative, so nothing is added twice.
    pub(super) fn counter(&self, key: &Key, value: u64) {
        let named = self.naming.key(key);
        self.recorder
            .register_counter(named.as_ref().unwrap_or(key), &METADATA)
            .absolute(value);
    }

    pub(super) fn gauge(&self, key: &Key, value: f64) {
        let named = self.naming.key(key);
        self.recorder
            .register_gauge(named.as_ref().unwrap_or(key), &METADATA)
            .set(value);
    }

    /// Pushes the samples of each bucket that are new since `before`, at their mean. So the buckets, the count and the sum
    /// are those that were counted.
    pub(super) fn histogram(
        &mut self,
        key: &Key,
        now: &[(u64, u64)],
        before: &mut Vec<(u64, u64)>,
        bounds: &Bounds,
    ) {
        before.resize(now.len(), (0, 0));
        if *before == now {
            return;
        }
        let named = self.naming.key(key);
        let key = named.as_ref().unwrap_or(key);
        let handle = self.recorder.register_histogram(key, &METADATA);
        for (index, (now, before)) in now.iter().zip(before).enumerate() {
            let count = now.0.wrapping_sub(before.0);
            if count == 0 {
                continue;
            }
            // Below zero if more was pushed, at the bucket's edge, than has been seen. The rest comes later.
            let sum = now.1.wrapping_sub(before.1).cast_signed();
            let sum = u64::try_from(sum).unwrap_or(0);
            let (from, upto) = bounds.bucket(index);
            // A count can be seen before its sum. What is missing comes with the next sample of the bucket.
            let mean = (sum / count).clamp(from, upto);
            let rest = (sum.saturating_sub(mean.saturating_mul(count))).min(count);
            let rest = if mean < upto { rest } else { 0 };
            for (value, mut left) in [(mean, count - rest), (mean + u64::from(rest > 0), rest)] {
                while left > 0 {
                    let chunk = left.min(SAMPLES_AT_ONCE - self.pushed);
                    handle.record_many(bounds.shown(value), chunk as usize);
                    // At once: if a later call panics, the recorder does not get these again.
                    let pushed = value.wrapping_mul(chunk);
                    *before = (before.0.wrapping_add(chunk), before.1.wrapping_add(pushed));
                    left -= chunk;
                    self.pushed += chunk;
                    if self.pushed == SAMPLES_AT_ONCE {
                        (self.drain)();
                        self.pushed = 0;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
