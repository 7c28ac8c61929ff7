//! Chooses the recorder to which counters are published.

use super::{Metrics, Settings};
use crate::config::ConfigError;

/// The recorder to which counters are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Recorder {
    /// A Prometheus recorder of this crate, which becomes the global one. Without feature `prometheus`: the global one.
    #[default]
    Own,
    /// The global recorder that the application installs.
    Global,
    /// A recorder apart from everything else in the process.
    Isolated,
}

// === impl Recorder ===

impl Recorder {
    /// The recorder in a word, for the event at the start.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Own if cfg!(feature = "prometheus") => "own",
            Self::Own | Self::Global => "of the application",
            Self::Isolated => "isolated",
        }
    }

    /// The counters that are published there.
    pub(crate) fn metrics(self, settings: Settings) -> Result<Metrics, ConfigError> {
        match self {
            Self::Own | Self::Global => settings.install(),
            Self::Isolated => settings.isolated(),
        }
    }
}
