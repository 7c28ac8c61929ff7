//! Lets another room set the status of a check of its own.

use super::state::Status;

/// What knows the status of a check at any time.
pub(crate) trait Source: Send + Sync {
    /// The status now, and why it is not better.
    fn status(&self) -> (Status, Option<&'static str>);

    /// Calls `changed` after each change from now on, until it returns `false`.
    fn watch(&self, changed: Box<dyn Fn() -> bool + Send + Sync>);
}
