//! Keeps when the certificate of a host expires, as a check saw it last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::timestamp;

pub(super) const DAY: i64 = 86_400;

/// The expiry of the certificate that a host shows.
#[derive(Debug)]
pub(super) struct Expiry {
    host: Arc<str>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// In seconds since 1970.
    at: Option<i64>,
    /// The last answer has seen it.
    now: bool,
}

// === impl Expiry ===

impl Expiry {
    pub(super) fn of(host: &str) -> Arc<Self> {
        Arc::new(Self {
            host: host.into(),
            seen: Mutex::default(),
        })
    }

    /// The same host, before it was asked.
    pub(super) fn anew(&self) -> Arc<Self> {
        Self::of(&self.host)
    }

    /// Takes what a question found. A host that does not answer keeps its last certificate, whose date is still right.
    pub(super) fn note(&self, found: Option<i64>) {
        let mut seen = self.seen();
        seen.now = found.is_some();
        seen.at = found.or(seen.at);
    }

    /// The host, and the last date that was seen.
    pub(super) fn reading(&self) -> Option<(Arc<str>, f64)> {
        let at = self.seen().at?;
        Some((Arc::clone(&self.host), at as f64))
    }

    /// What the public may know: everybody can ask the host. `None` if it was not seen last.
    pub(super) fn shown(&self) -> Option<String> {
        let at = {
            let seen = self.seen();
            seen.at.filter(|_| seen.now)?
        };
        Some(text(left(at)))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seconds that are left until a time.
pub(super) fn left(at: i64) -> i64 {
    at.saturating_sub_unsigned(timestamp::since_1970().as_secs())
}

/// Tells how many whole days are left.
pub(super) fn text(left: i64) -> String {
    match left / DAY {
        _ if left <= 0 => "expired".into(),
        0 => "less than a day left".into(),
        1 => "1 day left".into(),
        days => format!("{days} days left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_are_told() {
        for (left, expected) in [
            (i64::MIN, "expired"),
            (0, "expired"),
            (1, "less than a day left"),
            (DAY - 1, "less than a day left"),
            (DAY, "1 day left"),
            (2 * DAY - 1, "1 day left"),
            (12 * DAY, "12 days left"),
        ] {
            assert_eq!(text(left), expected);
        }
    }

    #[test]
    fn a_host_that_does_not_answer_keeps_its_date_and_shows_none() {
        let expiry = Expiry::of("example.org");
        assert_eq!((expiry.reading(), expiry.shown()), (None, None));
        expiry.note(Some(7));
        let known = Some(("example.org".into(), 7.0));
        assert_eq!(expiry.reading(), known);
        assert_eq!(expiry.shown().as_deref(), Some("expired"));
        expiry.note(None);
        assert_eq!((expiry.reading(), expiry.shown()), (known, None));
    }
}
