//! Connects the ready-made stack to Sentry.

use std::time::Duration;

use super::{Vitals, VitalsBuilder};
use crate::sentry::SentryOptions;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Reports to Sentry what goes wrong. See [`sentry`](crate::sentry). Defaults to nothing, whatever the environment holds.
    ///
    /// The client is also bound to the main hub and to the hub of this thread, unless they have a client, for what is
    /// captured outside of requests. It is not bound with [`isolated`](Self::isolated).
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
    pub fn sentry(mut self, options: SentryOptions) -> Self {
        self.sentry = Some(options);
        self
    }
}

// === impl Vitals ===

impl Vitals {
    /// Waits until all events for Sentry are sent, but not longer than `timeout`. Returns how many are not sent.
    ///
    /// It blocks the thread. Use it at the end of a program that does not use [`run`](Self::run).
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
    #[expect(
        clippy::must_use_candidate,
        reason = "a caller that only waits does not need the number"
    )]
    pub fn flush(&self, timeout: Duration) -> u64 {
        self.sentry.flush(timeout)
    }
}
