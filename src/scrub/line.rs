//! Scrubs the fields of a log line.

use serde_json::Value;

use super::{Scrubbing, health_data};

// === impl Scrubbing ===

impl Scrubbing {
    /// Scrubs a field of a line, its name too. Returns `false` if it may not be in the line at all.
    pub(crate) fn scrub_line_field(&self, name: &mut String, value: &mut Value) -> bool {
        if !self.keeps_free_text() {
            return health_data::may_be_logged(name, value);
        }
        if !matches!(&**name, "timestamp" | "level" | "release" | "environment") {
            self.scrub_field(name, value, 1);
            *name = self.scrub(name);
        }
        true
    }
}
