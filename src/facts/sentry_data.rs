//! Keeps the Sentry hub of one request, and binds it to the thread that runs the request's code.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use http::{HeaderValue, uri::Authority};
use sentry::{Hub, HubSwitchGuard, Transaction, protocol::TraceId};

use super::told_errors::ToldErrors;

/// How many headers of a request are kept for Sentry.
pub(crate) const KEPT_HEADERS: usize = 6;

/// What Sentry needs of one exchange. Only the room `sentry` makes it and reads it.
pub(crate) struct SentryData {
    pub(crate) hub: Arc<Hub>,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) headers: [Option<HeaderValue>; KEPT_HEADERS],
    /// The request's own trace, which only events name.
    pub(crate) trace: OnceLock<TraceId>,
    /// The errors that the handler has told.
    pub(crate) told: ToldErrors,
    /// The host of the request's target, which HTTP/2 has in place of a header.
    pub(crate) authority: Option<Authority>,
    pub(crate) is_https: bool,
    /// What was already reported of the exchange, as bits.
    pub(crate) reported: AtomicU8,
}

/// What was already reported of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reported {
    Panic = 1,
    Stuck = 2,
}

/// A hub for another task of the same exchange.
pub(crate) type ForkedHub = Arc<Hub>;

/// Binds a hub to this thread until it is dropped.
pub(crate) struct HubGuard {
    _guard: HubSwitchGuard,
}

// === impl SentryData ===

impl SentryData {
    /// Binds the hub to this thread. `alive`: the thread is surely not ending.
    pub(crate) fn bind(&self, alive: bool) -> Option<HubGuard> {
        thread_has_hub(alive).then(|| HubGuard::new(Arc::clone(&self.hub)))
    }

    /// Marks something as reported. Returns `false` if it was already.
    pub(crate) fn mark(&self, what: Reported) -> bool {
        self.reported.fetch_or(what as u8, Ordering::Relaxed) & what as u8 == 0
    }

    pub(crate) fn was_reported(&self, what: Reported) -> bool {
        self.reported.load(Ordering::Relaxed) & what as u8 != 0
    }

    /// A hub for another task of the same exchange. What that task adds stays there. `is_current`: the code of the exchange runs
    /// here. Then the current hub is its hub, a fork of it, or that of a layer further in.
    pub(crate) fn fork(&self, is_current: bool) -> ForkedHub {
        let hub = match is_current && thread_has_hub(true) {
            true => Hub::new_from_top(Hub::current()),
            false => Hub::new_from_top(&self.hub),
        };
        Arc::new(hub)
    }
}

impl fmt::Debug for SentryData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryData").finish_non_exhaustive()
    }
}

// === impl HubGuard ===

impl HubGuard {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self {
            _guard: HubSwitchGuard::new(hub),
        }
    }
}

/// Whether the thread has a current hub, or may get one now because it is surely not ending.
///
/// Sentry's own thread-local aborts the process if it is used after its end. `MARK` is made after it, and so ends before it.
pub(crate) fn thread_has_hub(alive: bool) -> bool {
    match STATE.get() {
        HubState::Unknown if alive => {
            let _first = Hub::current();
            MARK.with(|_| ());
            STATE.set(HubState::Made);
            true
        }
        state => matches!(state, HubState::Made),
    }
}

thread_local! {
    // It has no destructor, so it can be read until the thread is gone.
    static STATE: Cell<HubState> = const { Cell::new(HubState::Unknown) };
    static MARK: Mark = const { Mark };
}

/// Whether this thread's hub can be used.
#[derive(Clone, Copy)]
enum HubState {
    Unknown,
    Made,
    Gone,
}

/// Notes when the locals of this thread end.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        STATE.set(HubState::Gone);
    }
}
