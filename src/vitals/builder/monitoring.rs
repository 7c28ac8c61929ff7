//! Sets the monitoring API.

use super::VitalsBuilder;
use crate::monitoring::Monitoring;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The [monitoring API](crate::monitoring), and who may ask it. With an [admin port](Self::admin_addr) it is there, and not on the
    /// application's port, unless [`keep_routes`](Self::keep_routes) says so. Defaults to an API for those who have the token in
    /// `MONITORING_TOKEN` with [`Vitals::from_env`](crate::Vitals::from_env), else to none.
    ///
    /// ```
    /// use tower_vitals::{Vitals, monitoring::{Access, Monitoring}};
    ///
    /// let vitals = Vitals::builder()
    ///     .isolated()
    ///     .monitoring(Monitoring::new(Access::Loopback))
    ///     .build()?;
    /// assert!(vitals.monitoring().is_some());
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    ///
    /// `build` fails if a token is empty, or the path is not one, or that of a probe or of the metrics.
    #[cfg_attr(
        tower_vitals_docsrs,
        doc(cfg(all(feature = "health", feature = "statistics")))
    )]
    pub fn monitoring(mut self, monitoring: Monitoring) -> Self {
        self.monitoring.monitoring = Some(monitoring);
        self
    }
}
