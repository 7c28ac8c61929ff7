//! Holds what the evaluator of a fleet writes down, so that another instance can go on.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stored_fleet::StoredFleet;

/// What the evaluator of a fleet knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Document {
    /// Tells the instance that wrote it from others.
    pub(super) by: u64,
    /// The number of the lease under which it was written.
    pub(super) fence: u64,
    pub(super) state: StoredFleet,
    /// What people were told of, and what has not been delivered yet. Only those who tell people read it.
    pub(super) told: Value,
    /// What a later version wrote.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

// === impl Document ===

impl Document {
    /// What is written. `None` if it cannot be JSON.
    pub(super) fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What was written. `None` if nobody can read it.
    pub(super) fn of_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}
