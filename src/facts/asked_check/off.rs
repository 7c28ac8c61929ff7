//! Stands in for the check that is being asked without feature `sentry`: nobody asks for it.

use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedCheck;

impl AskedCheck {
    pub(crate) fn new(_: Arc<str>, _: bool) -> Self {
        Self
    }

    pub(crate) fn run<T>(self, code: impl FnOnce() -> T) -> T {
        code()
    }
}
