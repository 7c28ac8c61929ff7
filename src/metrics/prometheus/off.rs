//! Stands in for the recorder of this crate without feature `prometheus`: there is none.

use super::{Metrics, Recorder, exposition::Format, samples::Samples};
use crate::config::ConfigError;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exporter(());

/// Nothing is recorded, so nothing is lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unkept {
    pub(super) overflowed: u64,
    pub(super) dropped: u64,
}

impl Exporter {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the exporter that it stands in for can fail"
    )]
    pub(crate) const fn install(_: Recorder, _: &Metrics) -> Result<Option<Self>, ConfigError> {
        Ok(None)
    }

    pub(crate) const fn render(&self, _: Format) -> String {
        String::new()
    }
}

pub(super) fn unkept() -> Unkept {
    Unkept::default()
}

/// The global recorder cannot be read.
pub(super) fn give_application(_: &mut dyn Samples) {}

/// Gives the global recorder.
pub(super) fn with_foreign_recorder(publish: impl FnOnce(&dyn metrics::Recorder)) {
    metrics::with_recorder(publish);
}
