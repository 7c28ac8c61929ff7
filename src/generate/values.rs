//! Writes the values of a series in a test, one every 15 seconds.

use std::time::Duration;

/// How often there is a value.
pub(super) const STEP: Duration = Duration::from_secs(15);

/// The value of a gauge, or by how much a counter grows, for so many steps each.
#[derive(Clone, Debug)]
pub(super) struct Values(Vec<(f64, u64)>);

// === impl Values ===

impl Values {
    pub(super) fn new(segments: impl Into<Vec<(f64, u64)>>) -> Self {
        Self(segments.into())
    }

    /// The same stretches of time with other values.
    pub(super) fn map(&self, value: impl Fn(f64) -> f64) -> Self {
        let segments = self.0.iter();
        Self(segments.map(|(old, steps)| (value(*old), *steps)).collect())
    }

    /// A counter that begins at 0.
    pub(super) fn counter(&self) -> String {
        let mut text = "0".to_owned();
        let mut last = 0.0;
        for (growth, steps) in self.0.iter().filter(|(_, steps)| *steps > 0) {
            let first = last + growth;
            text.push_str(&format!(" {first}+{growth}x{}", steps - 1));
            last += growth * *steps as f64;
        }
        text
    }

    pub(super) fn gauge(&self) -> String {
        let segments = self.0.iter().filter(|(_, steps)| *steps > 0);
        let segments = segments.map(|(value, steps)| format!("{value}x{}", steps - 1));
        segments.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_grows_from_zero_and_a_gauge_stays() {
        let values = Values::new([(2.5, 4), (0.0, 3)]);
        assert_eq!(values.counter(), "0 2.5+2.5x3 10+0x2");
        assert_eq!(values.gauge(), "2.5x3 0x2");
        assert_eq!(values.map(|one| 2.0 * one).gauge(), "5x3 0x2");
    }
}
