//! Connects the ready-made stack to Sentry.

use super::VitalsBuilder;
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
