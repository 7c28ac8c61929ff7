//! Chooses who is told.

use super::VitalsBuilder;
use crate::notify::Notifiers;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The ways to tell people of alerts and deployments, and who is told of what. They replace earlier ones. Defaults to nobody,
    /// and to those of the environment with [`Vitals::from_env`](crate::Vitals::from_env): see [the module](crate::notify).
    ///
    /// Each notifier has a thread, which ends with the last clone of the stack. `Notifiers::from_env()?` has those of the
    /// environment.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
    pub fn notifiers(mut self, notifiers: Notifiers) -> Self {
        self.notifications.0 = notifiers;
        self
    }
}
