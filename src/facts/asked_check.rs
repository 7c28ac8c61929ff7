//! Knows the health check whose code runs on this thread.

use std::{cell::RefCell, sync::Arc};

thread_local! {
    static CURRENT: RefCell<Option<AskedCheck>> = const { RefCell::new(None) };
}

/// A health check that is being asked.
#[derive(Clone, Debug)]
pub(crate) struct AskedCheck {
    pub(crate) name: Arc<str>,
    /// A notice reports its failures, so its panics need no report of their own.
    pub(crate) has_notice: bool,
}

/// Ends the check's time on this thread, also while a panic unwinds.
struct Running;

// === impl AskedCheck ===

impl AskedCheck {
    pub(crate) const fn new(name: Arc<str>, has_notice: bool) -> Self {
        Self { name, has_notice }
    }

    /// Runs code of the check on this thread.
    pub(crate) fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let _running = CURRENT
            .try_with(|current| _ = current.replace(Some(self.clone())))
            .map(|()| Running);
        code()
    }

    pub(crate) fn current() -> Option<Self> {
        let current = CURRENT.try_with(|current| current.borrow().clone());
        current.ok().flatten()
    }
}

// === impl Running ===

impl Drop for Running {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.take());
    }
}
