//! Lets another room set the status of a check of its own.

/// What knows the status of a check at any time.
pub(crate) trait Source: Send + Sync {
    /// Why it is degraded now. `None` if it is healthy.
    fn limit(&self) -> Option<&'static str>;

    /// Calls `changed` after each change from now on, until it returns `false`.
    fn watch(&self, changed: Box<dyn Fn() -> bool + Send + Sync>);
}
