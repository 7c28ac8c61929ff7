//! Sets how requests show in distributed traces.

use super::VitalsBuilder;
use crate::trace_context::TraceContextLayer;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Gives each request its place in a [trace](crate::trace_context). Defaults to off. The layer's own exclusions and counters
    /// are not used.
    ///
    /// ```
    /// use tower_vitals::{TraceContextLayer, Vitals};
    ///
    /// let vitals = Vitals::builder().trace_context(TraceContextLayer::new()).build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn trace_context(mut self, layer: TraceContextLayer) -> Self {
        self.trace_context = layer.observer();
        self
    }

    /// Opens a [span](crate::span) around each request, for subscribers that show the fields of spans on each line. Defaults to
    /// off, since a span costs some 14,000 instructions with `tracing_subscriber::fmt`.
    pub fn span(mut self) -> Self {
        self.span = true;
        self
    }
}
