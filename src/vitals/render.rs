//! Renders the metrics for servers without axum.

use super::Vitals;
use crate::metrics::exposition::Format;

// === impl Vitals ===

impl Vitals {
    /// All metrics of the process in Prometheus' text format, for servers without axum. Empty with
    /// [`use_global_recorder`](super::VitalsBuilder::use_global_recorder).
    ///
    /// With thousands of series it takes milliseconds: call it on a thread that may block.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    #[must_use]
    pub fn render(&self) -> String {
        self.exporter
            .as_ref()
            .map(|exporter| exporter.render(Format::Text))
            .unwrap_or_default()
    }
}
