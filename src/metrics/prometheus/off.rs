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

pub(super) const fn drain_global() {}
