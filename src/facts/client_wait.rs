//! Sums up how long an exchange waited for its client to send the body of the request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The waits of one exchange. At most one is open, since one reader polls the body. It can end on another thread.
#[derive(Debug, Default)]
pub(crate) struct ClientWait(Mutex<Waits>);

#[derive(Debug, Default)]
struct Waits {
    /// The sum of the waits that have ended.
    ended: Duration,
    /// When the open wait began.
    open: Option<Instant>,
}

// === impl ClientWait ===

impl ClientWait {
    /// Begins a wait, unless one is open.
    pub(crate) fn begin(&self, now: Instant) {
        self.lock().open.get_or_insert(now);
    }

    /// Ends the open wait, if there is one.
    pub(crate) fn end(&self, now: impl FnOnce() -> Instant) {
        let mut waits = self.lock();
        if let Some(began) = waits.open.take() {
            waits.ended += now().saturating_duration_since(began);
        }
    }

    /// All waits until `now`.
    pub(crate) fn sum(&self, now: Instant) -> Duration {
        let waits = self.lock();
        let open = waits.open.map(|began| now.saturating_duration_since(began));
        waits.ended + open.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_a_begin_and_its_end_is_waiting() {
        let started = Instant::now();
        let at = |millis| started + Duration::from_millis(millis);
        let wait = ClientWait::default();
        let sum = |millis| wait.sum(at(millis)).as_millis();
        wait.end(|| at(5));
        assert_eq!(sum(10), 0, "nothing was open");
        wait.begin(at(0));
        wait.begin(at(20));
        assert_eq!(sum(30), 30, "the first begin counts");
        wait.end(|| at(40));
        wait.end(|| at(50));
        assert_eq!(sum(60), 40, "the first end counts");
        wait.begin(at(70));
        assert_eq!(sum(75), 45);
        wait.end(|| at(80));
        assert_eq!(sum(1_000), 50);
    }
}
