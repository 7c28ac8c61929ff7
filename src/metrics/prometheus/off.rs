//! Stands in for the Prometheus recorder without feature `prometheus`: there is none.

use super::{Metrics, Recorder};
use crate::config::ConfigError;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exporter(());

impl Exporter {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the exporter that it stands in for can fail"
    )]
    pub(crate) const fn install(_: Recorder, _: &Metrics) -> Result<Option<Self>, ConfigError> {
        Ok(None)
    }

    pub(crate) const fn render(&self) -> String {
        String::new()
    }
}

/// Gives the global recorder. The recorder of an application drains itself.
pub(super) fn with_recorder(publish: impl FnOnce(&dyn metrics::Recorder, &dyn Fn())) {
    metrics::with_recorder(|recorder| publish(recorder, &|| {}));
}
