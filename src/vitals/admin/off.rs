//! Stands in for the admin port without feature `health`: there is none.

use crate::config::{ConfigError, Environment};

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AdminSettings;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admin {
    pub(super) keep_routes: bool,
}

// === impl AdminSettings ===

impl AdminSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        const NAME: &str = "MONITORING_ADDR";
        match environment.get(NAME) {
            Some(address) => Err(ConfigError::new(
                NAME,
                address,
                "an admin port needs feature health",
            )),
            None => Ok(Self),
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the settings that it stands in for can fail"
    )]
    pub(super) const fn checked(self) -> Result<Option<Admin>, ConfigError> {
        Ok(None)
    }
}
