//! Holds how statistics are kept.

use std::time::Duration;

#[cfg(feature = "fleet")]
use crate::fleet::{Checked as CheckedFleet, Fleet};
use crate::{
    config::{ConfigError, Environment},
    window::store::{StatePlace, StateSettings},
};

/// The least budget that holds anything.
const LEAST_MEMORY: usize = 1 << 20;

/// How statistics are kept.
#[derive(Clone, Debug, Default)]
pub(in crate::vitals) struct LatelySettings {
    pub(in crate::vitals) state: StateSettings,
    pub(in crate::vitals) slot: Option<Duration>,
    pub(in crate::vitals) memory: Option<usize>,
    #[cfg(feature = "fleet")]
    pub(in crate::vitals) fleet: Option<Fleet>,
}

/// How statistics are kept, once it is checked.
#[derive(Debug)]
pub(in crate::vitals) struct CheckedLately {
    pub(super) place: Option<StatePlace>,
    pub(super) slot: Option<Duration>,
    pub(super) memory: Option<usize>,
    #[cfg(feature = "fleet")]
    pub(super) fleet: Option<CheckedFleet>,
}

// === impl LatelySettings ===

impl LatelySettings {
    pub(in crate::vitals) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            state: StateSettings::from_environment(environment)?,
            ..Self::default()
        })
    }

    pub(in crate::vitals) fn checked(self) -> Result<CheckedLately, ConfigError> {
        let refuse = |field: &str, value, reason| Err(ConfigError::new(field, value, reason));
        if let Some(slot) = self.slot
            && !(Duration::from_millis(1)..=Duration::from_secs(3_600)).contains(&slot)
        {
            return refuse(
                "statistics_slot",
                format!("{slot:?}"),
                "expected 1 ms to 1 h",
            );
        }
        if let Some(memory) = self.memory
            && memory < LEAST_MEMORY
        {
            let reason = "expected at least 1048576 bytes (1 MiB)";
            return refuse("statistics_memory", memory.to_string(), reason);
        }
        Ok(CheckedLately {
            place: self.state.checked()?,
            slot: self.slot,
            memory: self.memory,
            #[cfg(feature = "fleet")]
            fleet: self.fleet.map(Fleet::checked).transpose()?,
        })
    }
}
