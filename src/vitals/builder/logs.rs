//! Adds the settings of the access log to the ready-made stack.

use super::VitalsBuilder;
use crate::access_log::AccessLogLayer;

// === impl VitalsBuilder ===

impl VitalsBuilder {
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
