//! Stands in for the shutdown without feature `health`: there is none.

use crate::config::ConfigError;

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShutdownSettings;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shutdown;

impl Shutdown {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the shutdown that it stands in for can fail"
    )]
    pub(super) const fn new(_: ShutdownSettings) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}
