//! Writes a time of day as RFC 3339 has it.
#![expect(clippy::disallowed_types, reason = "nothing is measured by it")]

#[cfg(feature = "logging")]
use std::cell::Cell;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The last second whose year has four digits. `humantime` panics beyond it, and before 1970.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// The bytes before the milliseconds.
#[cfg(feature = "logging")]
const BEFORE_MILLIS: usize = "2026-11-20T12:00:00.".len();

#[cfg(feature = "logging")]
thread_local! {
    /// The second that this thread wrote last, since 1970, and its text.
    static WRITTEN: Cell<(u64, [u8; BEFORE_MILLIS])> = const { Cell::new((u64::MAX, [0; BEFORE_MILLIS])) };
}

/// Appends the current time. The text of a second is made once.
#[cfg(feature = "logging")]
pub(crate) fn push_now(to: &mut Vec<u8>) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    push(to, since.unwrap_or_default());
}

#[cfg(feature = "logging")]
fn push(to: &mut Vec<u8>, since: Duration) {
    let since = since.min(LAST);
    let (mut second, mut text) = WRITTEN.get();
    if second != since.as_secs() {
        second = since.as_secs();
        let whole = since_1970(since).to_string();
        for (to, from) in text.iter_mut().zip(whole.bytes()) {
            *to = from;
        }
        WRITTEN.set((second, text));
    }
    let millis = since.subsec_millis();
    to.extend_from_slice(&text);
    let digits = [millis / 100, millis / 10 % 10, millis % 10];
    to.extend(digits.map(|digit| b'0' + digit as u8));
    to.push(b'Z');
}

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

    #[cfg(feature = "logging")]
    #[test]
    fn a_time_is_written_alike_whichever_second_was_written_before() {
        let mut second = 1_795_262_691;
        for _ in 0..2_000 {
            second += fastrand::u64(..2);
            let since =
                Duration::from_nanos(second * 1_000_000_000 + fastrand::u64(..1_000_000_000));
            let mut written = Vec::new();
            push(&mut written, since);
            assert_eq!(written, since_1970(since).to_string().into_bytes());
        }
    }
}
