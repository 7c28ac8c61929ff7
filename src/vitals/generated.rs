//! Generates what Prometheus and Alertmanager need to decide as the process does.

use super::Vitals;
use crate::generate::Generated;

// === impl Vitals ===

impl Vitals {
    /// What files for Prometheus and Alertmanager are [generated](crate::generate) from: the rules of the application, the names of
    /// its metrics, and who is told.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    #[must_use]
    pub fn generated(&self) -> Generated {
        self.generated.clone()
    }

    /// The rules of the application as a file for Prometheus.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// assert!(vitals.prometheus_rules().contains("alert: HighErrorRate"));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    #[must_use]
    pub fn prometheus_rules(&self) -> String {
        self.generated.rules()
    }
}
