//! Names the units of signals.

use serde::Serialize;

/// In what a signal is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignalUnit {
    /// Parts of a hundred.
    Percent,
    /// How often in a minute.
    PerMinute,
    /// How often in a second.
    PerSecond,
    /// A time in milliseconds.
    Milliseconds,
    /// A time in seconds.
    Seconds,
    /// A time in days.
    Days,
    /// A number of things.
    Count,
}

// === impl SignalUnit ===

impl SignalUnit {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::PerMinute => "per_minute",
            Self::PerSecond => "per_second",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::Days => "days",
            Self::Count => "count",
        }
    }
}
