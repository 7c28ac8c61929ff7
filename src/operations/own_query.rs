//! Knows whether this thread runs a query that the application itself measures. A query of sqlx within it is part of it, and not
//! measured a second time.

use std::cell::Cell;

thread_local! {
    // Without a destructor: it is there as long as the thread is.
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// A query that the application measures, while its code runs on this thread.
#[derive(Debug)]
pub(super) struct OwnQuery(());

/// Whether this thread runs one.
pub(super) fn is_running() -> bool {
    RUNNING.get() > 0
}

// === impl OwnQuery ===

impl OwnQuery {
    pub(super) fn begin() -> Self {
        RUNNING.set(RUNNING.get() + 1);
        Self(())
    }
}

impl Drop for OwnQuery {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get().saturating_sub(1));
    }
}
