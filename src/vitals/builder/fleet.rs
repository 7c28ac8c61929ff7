//! Joins this process to the other instances of its service.

use super::VitalsBuilder;
use crate::fleet::Fleet;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Counts with the other instances of the service, which meet at a [Redis](Fleet). Those belong together whose service and
    /// environment have the same names. Defaults to counting alone: a variable such as `REDIS_URL` by itself changes nothing.
    ///
    /// Redis can be gone, also at the start: one event at `WARN` says so, and the application goes on alone until it is back. No
    /// request waits for it. [`run`](crate::Vitals::run) tries to write a last time.
    ///
    /// ```no_run
    /// use tower_vitals::{Vitals, fleet::Fleet};
    ///
    /// let vitals = Vitals::from_env()?.fleet(Fleet::from_env()?).build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "fleet")))]
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.lately.fleet = Some(fleet);
        self
    }
}
