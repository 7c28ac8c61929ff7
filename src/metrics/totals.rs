//! Sums what was counted over all endpoints.

use super::sink::Sink;
use crate::facts::exchange::Outcome;

/// What was counted over all endpoints.
///
/// `started` is `completed + body_error + aborted + cancelled + error + panicked + in_flight`, except for requests that
/// begin or end while the totals are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Requests that began.
    pub started: u64,
    /// See [`Outcome::Completed`].
    pub completed: u64,
    /// See [`Outcome::BodyError`].
    pub body_error: u64,
    /// See [`Outcome::Aborted`].
    pub aborted: u64,
    /// See [`Outcome::Cancelled`].
    pub cancelled: u64,
    /// See [`Outcome::Error`].
    pub error: u64,
    /// See [`Outcome::Panicked`].
    pub panicked: u64,
    /// Requests that began and have not ended.
    pub in_flight: u64,
    /// Requests on excluded paths. They are in none of the above.
    pub excluded: u64,
    /// Requests on excluded paths that panicked, failed or had a 5xx response.
    pub excluded_errors: u64,
    /// Requests that were counted under `overflow`.
    pub overflow: u64,
    /// Panics and invalid results of functions that the application plugged in.
    pub hook_failures: u64,
    /// Errors of inner services before they took a request, counted by each layer that they passed.
    pub readiness_errors: u64,
    pub(super) dropped: [u64; Sink::COUNT],
}

// === impl Totals ===

impl Totals {
    /// Requests with this outcome.
    #[must_use]
    pub const fn outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Completed => self.completed,
            Outcome::BodyError => self.body_error,
            Outcome::Aborted => self.aborted,
            Outcome::Cancelled => self.cancelled,
            Outcome::Error => self.error,
            Outcome::Panicked => self.panicked,
        }
    }

    /// What a sink has dropped.
    #[must_use]
    pub const fn dropped(&self, sink: Sink) -> u64 {
        self.dropped[sink.index()]
    }

    pub(super) const fn add_dropped(&mut self, sink: Sink, dropped: u64) {
        let total = &mut self.dropped[sink.index()];
        *total = total.wrapping_add(dropped);
    }

    pub(super) const fn outcome_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::BodyError => &mut self.body_error,
            Outcome::Aborted => &mut self.aborted,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Error => &mut self.error,
            Outcome::Panicked => &mut self.panicked,
        }
    }
}
