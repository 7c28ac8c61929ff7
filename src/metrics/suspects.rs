//! Counts the requests that a route of this crate may answer, until it is known which route does. They are no traffic yet.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Metrics;

/// The requests on suspect paths that have no response.
#[derive(Debug, Default)]
pub(super) struct Suspects(AtomicU64);

// === impl Metrics ===

impl Metrics {
    /// A request on a suspect path has begun.
    pub(crate) fn begin_suspect(&self) {
        self.inner.suspects.0.fetch_add(1, Relaxed);
    }

    /// It is known which route answers it, or it has ended.
    pub(crate) fn end_suspect(&self) {
        self.inner.suspects.0.fetch_sub(1, Relaxed);
    }

    /// The requests that have not ended, also those on suspect paths.
    #[cfg(feature = "health")]
    pub(crate) fn unfinished(&self) -> u64 {
        let suspects = self.inner.suspects.0.load(Relaxed);
        self.totals().in_flight + suspects
    }
}
