//! Shows a time of day to people.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use crate::timestamp::rfc3339;

/// A time of day by the wall clock. It prints, and is serialized, as RFC 3339 has it: `2026-11-20T12:00:00.123Z`.
///
/// The clock of a machine can jump, so nothing is measured by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(Duration);

// === impl WallTime ===

impl WallTime {
    pub(crate) const fn new(since_1970: Duration) -> Self {
        Self(since_1970)
    }

    /// The time since 1970, in UTC.
    #[must_use]
    pub const fn since_1970(self) -> Duration {
        self.0
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rfc3339::since_1970(self.0).fmt(f)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
