//! Decides whether a message is tried again, and when.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

/// The longest pause that a notifier can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(5 * 60);

/// The longest time until a deadline.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often and how long one message is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// How many attempts there are, with the first one.
    pub(super) attempts: u32,
    /// The shortest pause after the first attempt. Each later one is four times as long.
    pub(super) pause: Duration,
    /// The longest pause that is honoured if a notifier asks for one.
    pub(super) longest_asked: Duration,
    /// No attempt begins later than this after the first one began.
    pub(super) total: Duration,
}

/// What an HTTP status means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It arrived.
    Sent,
    /// It can arrive later.
    Later,
    /// It will never arrive.
    Refused,
}

// === impl Schedule ===

impl Schedule {
    /// Five attempts, within ten minutes. The pauses are at least 1, 4, 16 and 64 s, and at most half as long again.
    pub(super) const DEFAULT: Self = Self {
        attempts: 5,
        pause: Duration::from_secs(1),
        longest_asked: LONGEST_ASKED,
        total: Duration::from_secs(10 * 60),
    };

    /// How long to wait after `failed` attempts, the first of which began `spent` ago. `asked` is what the notifier asked for, and
    /// `random` is at least 0 and below 1. `None` if there is no further attempt.
    pub(super) fn pause(
        &self,
        failed: u32,
        asked: Option<Duration>,
        random: f64,
        spent: Duration,
    ) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let growth = 4_u32.saturating_pow(failed.saturating_sub(1));
        let least = self.pause.saturating_mul(growth);
        // Those that failed together do not come back together. Never less, so that no second has two attempts.
        let own = least.saturating_add(least.mul_f64(random.clamp(0.0, 1.0) / 2.0));
        let pause = own.max(self.honoured(asked));
        (spent.saturating_add(pause) <= self.total).then_some(pause)
    }

    /// How long a notifier is left alone that asked for this.
    pub(super) fn honoured(&self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or_default().min(self.longest_asked)
    }
}

// === impl Judged ===

impl Judged {
    /// 2xx arrived. 429 and 5xx can arrive later. Everything else is refused: also 3xx, since redirects are not followed.
    pub(super) const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Sent,
            429 | 500..=599 => Self::Later,
            _ => Self::Refused,
        }
    }
}

/// The moment after this time, which is at most 24 hours away: a time that never comes is no deadline.
pub(super) fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(LONGEST_TIMEOUT)
}

/// How long to wait by the header `Retry-After`: seconds or a date. `now` is the time since 1970. `None` if it asks for nothing
/// that can be understood, or for a time that has passed.
pub(super) fn asked(header: &str, now: Duration) -> Option<Duration> {
    let header = header.trim();
    let digits = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
    let asked = if digits {
        // More seconds than the number can hold are many seconds.
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(header).ok()?;
        date.duration_since(UNIX_EPOCH).ok()?.checked_sub(now)?
    };
    (!asked.is_zero()).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pauses(random: f64) -> Vec<Option<Duration>> {
        let schedule = Schedule::DEFAULT;
        let pause = |failed| schedule.pause(failed, None, random, Duration::ZERO);
        (1..=6).map(pause).collect()
    }

    #[test]
    fn there_are_five_attempts_with_growing_pauses() {
        let least = [1, 4, 16, 64].map(|pause| Some(seconds(pause)));
        assert_eq!(pauses(0.0)[..4], least);
        assert_eq!(pauses(0.0)[4..], [None, None]);
        let most = [1_500, 6_000, 24_000, 96_000].map(|ms| Some(Duration::from_millis(ms)));
        assert_eq!(pauses(1.0)[..4], most);
        let between = pauses(0.5);
        assert_eq!(between[0], Some(Duration::from_millis(1_250)));
    }

    #[test]
    fn a_random_number_out_of_its_range_does_no_harm() {
        assert_eq!(pauses(-5.0), pauses(0.0));
        assert_eq!(pauses(7.0), pauses(1.0));
        assert_eq!(pauses(f64::INFINITY), pauses(1.0));
    }

    #[test]
    fn a_longer_pause_is_honoured_up_to_five_minutes() {
        let pause = |asked| Schedule::DEFAULT.pause(1, asked, 0.0, Duration::ZERO);
        assert_eq!(pause(Some(seconds(5))), Some(seconds(5)));
        assert_eq!(pause(Some(seconds(300))), Some(seconds(300)));
        assert_eq!(pause(Some(seconds(301))), Some(seconds(300)));
        assert_eq!(pause(Some(Duration::MAX)), Some(seconds(300)));
        let shorter = Some(Duration::from_millis(1));
        assert_eq!(pause(shorter), Some(seconds(1)), "its own is longer");
    }

    #[test]
    fn no_attempt_begins_after_ten_minutes() {
        let pause = |spent, asked| Schedule::DEFAULT.pause(2, asked, 0.0, spent);
        assert_eq!(pause(seconds(596), None), Some(seconds(4)));
        assert_eq!(pause(seconds(597), None), None);
        assert_eq!(pause(seconds(301), Some(Duration::MAX)), None);
        assert_eq!(pause(Duration::MAX, Some(Duration::MAX)), None);
    }

    #[test]
    fn only_429_and_faults_of_the_server_are_tried_again() {
        for status in 0..=999 {
            let judged = match status {
                200..=299 => Judged::Sent,
                429 | 500..=599 => Judged::Later,
                _ => Judged::Refused,
            };
            assert_eq!(Judged::of(status), judged, "{status}");
        }
        for (status, judged) in [
            (200, Judged::Sent),
            (204, Judged::Sent),
            (302, Judged::Refused),
            (400, Judged::Refused),
            (404, Judged::Refused),
            (408, Judged::Refused),
            (429, Judged::Later),
            (500, Judged::Later),
            (503, Judged::Later),
        ] {
            assert_eq!(Judged::of(status), judged, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = seconds(784_111_777);
        let asked = |header| asked(header, now);
        assert_eq!(asked("5"), Some(seconds(5)));
        assert_eq!(asked(" 120 "), Some(seconds(120)));
        assert_eq!(asked("1000000000000"), Some(seconds(1_000_000_000_000)));
        let huge = "9".repeat(400);
        assert_eq!(asked(&huge), Some(seconds(u64::MAX)));
        for date in [
            "Sun, 06 Nov 1994 08:50:07 GMT",
            "Sunday, 06-Nov-94 08:50:07 GMT",
            "Sun Nov  6 08:50:07 1994",
        ] {
            assert_eq!(asked(date), Some(seconds(30)), "{date}");
        }
        for nothing in [
            "",
            "0",
            "-1",
            "+5",
            "1.5",
            "5s",
            "5, 6",
            "soon",
            "\u{0665}",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:36 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sun, 99 Nov 1994 08:50:07 GMT",
        ] {
            assert_eq!(asked(nothing), None, "{nothing:?}");
        }
    }
}
