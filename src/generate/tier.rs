//! Says how fast a budget of errors must be spent so that somebody is told.

use std::time::Duration;

/// How fast a budget must be spent, over two windows, and whom it concerns. As the workbook on site reliability has them.
pub(super) const TIERS: [Tier; 4] = [
    Tier::new("1", 14.4, 60, 5, "critical"),
    Tier::new("2", 6.0, 6 * 60, 30, "critical"),
    Tier::new("3", 3.0, 24 * 60, 2 * 60, "warning"),
    Tier::new("4", 1.0, 72 * 60, 6 * 60, "warning"),
];

/// A pace, and whom it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    pub(super) name: &'static str,
    /// How many times as fast as the budget allows.
    pub(super) burn: f64,
    pub(super) long: Duration,
    pub(super) short: Duration,
    pub(super) severity: &'static str,
}

// === impl Tier ===

impl Tier {
    /// The windows are in minutes.
    const fn new(
        name: &'static str,
        burn: f64,
        long: u64,
        short: u64,
        severity: &'static str,
    ) -> Self {
        Self {
            name,
            burn,
            long: Duration::from_secs(long * 60),
            short: Duration::from_secs(short * 60),
            severity,
        }
    }
}
