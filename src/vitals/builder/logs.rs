//! Adds the settings of log lines about requests to the ready-made stack.

use super::VitalsBuilder;
use crate::access_log::AccessLogLayer;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Logs once, at `WARN`, each request that still has no response when it becomes critical, with its id, route and age.
    /// One task checks every second, on the runtime in which [`build`](Self::build) runs. Defaults to off.
    pub fn log_stuck(mut self) -> Self {
        self.log_stuck = true;
        self
    }

    /// Which requests have an event in the log, at which level and with which fields. Defaults to [`AccessLogLayer::new`]. The
    /// layer's own exclusions and counters are not used.
    ///
    /// ```
    /// use tower_vitals::{AccessLogLayer, Vitals, access_log::ClientAddress};
    ///
    /// let log = AccessLogLayer::new()
    ///     .client_address(ClientAddress::XForwardedFor { hops: 1 })
    ///     .sample(|ended| if ended.status() < 400 { 0.1 } else { 1.0 });
    /// let vitals = Vitals::builder().access_log(log).isolated().build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn access_log(mut self, layer: AccessLogLayer) -> Self {
        self.access_log = layer.observer();
        self
    }
}
