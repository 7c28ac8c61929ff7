//! Keeps an alert as others go on with it: a later process, or another instance.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{fingerprint::Labels, tracked::Tracked};

/// An alert, as a later process or another instance reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredAlert {
    pub(super) rule: String,
    #[serde(default)]
    pub(super) labels: Labels,
    pub(super) tracked: Tracked,
}

/// An alert of a rule that an instance does not have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unknown {
    /// When somebody who has the rule evaluated it last, in the time of the fleet.
    pub(super) since: Duration,
    pub(super) alert: StoredAlert,
}
