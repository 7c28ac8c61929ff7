//! What an instance says of itself.

use serde::{Deserialize, Serialize};

/// What a start of an instance says of itself, in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The name of the instance.
    pub(crate) id: String,
    pub(crate) version: Option<String>,
    pub(crate) environment: String,
    /// When it began to count, by the clock of Redis, in milliseconds since 1970, as the next.
    pub(crate) began: u64,
    /// When it wrote first.
    pub(crate) first: u64,
    /// How often it writes, in milliseconds.
    pub(crate) tick: u64,
    /// Tells buckets of durations with other edges apart.
    pub(crate) grid: u64,
    /// The requests that began and have not ended.
    pub(crate) in_flight: u64,
    /// Whether it ended in good order.
    #[serde(default)]
    pub(crate) ended: bool,
    /// For how many starts that ended it stands. 0 for one that stands for itself.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) starts: u64,
    /// What other parts of this crate say, such as health and the settings.
    #[serde(default)]
    pub(crate) described: serde_json::Value,
}

// === impl Entry ===

impl Entry {
    pub(super) fn to_json(&self) -> String {
        // It has no map whose keys could be no text.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

const fn is_none(starts: &u64) -> bool {
    *starts == 0
}
