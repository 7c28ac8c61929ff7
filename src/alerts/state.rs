//! Names the states of an alert.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In which state an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertState {
    /// The rule is not broken.
    #[default]
    Inactive,
    /// The rule is broken, and not for long enough.
    Pending,
    /// The rule is broken, or was lately.
    Firing,
    /// It fired, and stopped at the last evaluation.
    Resolved,
    /// The signal has no value.
    NoData,
    /// The rule could not be judged.
    Error,
}

/// Why an alert stopped firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResolveReason {
    /// The rule is not broken any more.
    Recovered,
    /// The signal has no value any more, or one of too few requests. Nobody knows whether it is well again.
    NoData,
    /// The rule cannot be judged any more.
    Error,
    /// The service was started without the rule.
    RuleRemoved,
}

// === impl AlertState ===

impl AlertState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Inactive,
        Self::Pending,
        Self::Firing,
        Self::Resolved,
        Self::NoData,
        Self::Error,
    ];

    /// The word in JSON and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::NoData => "no_data",
            Self::Error => "error",
        }
    }

    /// As `vitals_alert_state` has it.
    pub(crate) const fn published(self) -> f64 {
        match self {
            Self::Inactive | Self::Resolved => 0.0,
            Self::Pending => 1.0,
            Self::Firing => 2.0,
            Self::NoData => -1.0,
            Self::Error => -2.0,
        }
    }

    /// Of the states of all alerts of a rule, the one with the highest rank is shown for the rule.
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::Inactive => 0,
            Self::NoData => 1,
            Self::Resolved => 2,
            Self::Pending => 3,
            Self::Error => 4,
            Self::Firing => 5,
        }
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl ResolveReason ===

impl ResolveReason {
    /// The word in JSON and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NoData => "no_data",
            Self::Error => "error",
            Self::RuleRemoved => "rule_removed",
        }
    }
}
