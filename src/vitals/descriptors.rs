//! Lets the stack know which side of each gRPC method streams.

use super::VitalsBuilder;
use crate::config::ConfigError;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// See [`Settings::grpc_descriptors`](crate::metrics::Settings::grpc_descriptors).
    ///
    /// # Errors
    ///
    /// If the bytes are not descriptors.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "tonic")))]
    pub fn grpc_descriptors(mut self, encoded: &[u8]) -> Result<Self, ConfigError> {
        self.settings = self.settings.grpc_descriptors(encoded)?;
        Ok(self)
    }
}
