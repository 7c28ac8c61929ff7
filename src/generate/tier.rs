//! Says how fast a budget of errors must be spent so that somebody is told.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How fast a budget must be spent, over two windows, and whom it concerns. As the workbook on site reliability has them.
pub(super) const TIERS: [Tier; 4] = [
    Tier::new("1", 14.4, HOUR, Duration::from_secs(5 * 60), "critical"),
    Tier::new(
        "2",
        6.0,
        Duration::from_secs(6 * 60 * 60),
        Duration::from_secs(30 * 60),
        "critical",
    ),
    Tier::new(
        "3",
        3.0,
        Duration::from_secs(24 * 60 * 60),
        Duration::from_secs(2 * 60 * 60),
        "warning",
    ),
    Tier::new(
        "4",
        1.0,
        Duration::from_secs(72 * 60 * 60),
        Duration::from_secs(6 * 60 * 60),
        "warning",
    ),
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
    const fn new(
        name: &'static str,
        burn: f64,
        long: Duration,
        short: Duration,
        severity: &'static str,
    ) -> Self {
        Self {
            name,
            burn,
            long,
            short,
            severity,
        }
    }
}
