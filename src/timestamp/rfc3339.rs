//! Writes a time of day as RFC 3339 has it.
#![expect(clippy::disallowed_types, reason = "nothing is measured by it")]

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The last second whose year has four digits. `humantime` panics beyond it, and before 1970.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// The current time.
pub(crate) fn now() -> impl fmt::Display {
    text(SystemTime::now())
}

/// As `2026-11-20T12:00:00.123Z`. A time before 1970 or after 9999 becomes the first or the last that can be written.
pub(crate) fn text(at: SystemTime) -> impl fmt::Display {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since_1970(since.unwrap_or_default())
}

/// The same, of a time since 1970.
pub(crate) fn since_1970(since: Duration) -> impl fmt::Display {
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since.min(LAST))
}

/// The time since 1970 of a text such as `2026-11-20T12:00:00Z`. `None` if it is no such text.
#[cfg(any(feature = "cli", all(feature = "health", feature = "statistics")))]
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let at = humantime::parse_rfc3339(text).ok()?;
    at.duration_since(SystemTime::UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_can_be_written() {
        let start = SystemTime::UNIX_EPOCH;
        for (at, text) in [
            (start - Duration::from_secs(1), "1970-01-01T00:00:00.000Z"),
            (
                start + Duration::from_millis(1_795_262_691_138),
                "2026-11-21T12:04:51.138Z",
            ),
            (start + 2 * LAST, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(super::text(at).to_string(), text);
        }
    }
}
