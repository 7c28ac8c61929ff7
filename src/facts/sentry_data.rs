//! Keeps the Sentry hub of one request, and binds it to the thread that runs the request's code.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use sentry::{Hub, HubSwitchGuard, Transaction, protocol::TraceId};

use super::{told_errors::ToldErrors, trace_context::TraceContext};

/// What Sentry needs of one exchange. Only the room `sentry` makes it and reads it.
pub(crate) struct SentryData {
    pub(crate) hub: Arc<Hub>,
    pub(crate) transaction: Option<Box<RequestTransaction>>,
    /// Boxed, since few requests have an event.
    of_events: OnceLock<Box<OfEvents>>,
    pub(crate) is_https: bool,
    /// Events show the address of the client.
    pub(crate) shows_client: bool,
    /// What was already reported of the exchange, as bits.
    pub(crate) reported: AtomicU8,
}

/// What only events of a request need.
#[derive(Default)]
struct OfEvents {
    /// The request's own trace.
    trace: OnceLock<TraceId>,
    /// The errors that the handler has told.
    told: ToldErrors,
}

/// The transaction of one request.
pub(crate) struct RequestTransaction {
    pub(crate) begun: Transaction,
    /// What took its place, with the ids that the span of the request has elsewhere.
    pub(crate) replaced: OnceLock<Transaction>,
    /// Begins the one that takes its place. `None` if something has made spans of the first already.
    pub(crate) replace: fn(&SentryData, &Transaction, &TraceContext) -> Option<Transaction>,
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
    /// What is known when the request begins.
    #[inline]
    pub(crate) const fn new(hub: Arc<Hub>, shows_client: bool, is_https: bool) -> Self {
        Self {
            hub,
            transaction: None,
            of_events: OnceLock::new(),
            is_https,
            shows_client,
            reported: AtomicU8::new(0),
        }
    }

    /// The request's own trace, which only events name.
    pub(crate) fn own_trace(&self) -> TraceId {
        *self.of_events().trace.get_or_init(TraceId::default)
    }

    /// Remembers an error that the handler has sent. See [`ToldErrors::note`].
    pub(crate) fn note_told(&self, kind: &str, text: &str) {
        self.of_events().told.note(kind, text);
    }

    /// Whether the handler has sent such an error.
    pub(crate) fn was_told(&self, kind: &str, text: &str) -> bool {
        let of_events = self.of_events.get();
        of_events.is_some_and(|of_events| of_events.told.has(kind, text))
    }

    fn of_events(&self) -> &OfEvents {
        self.of_events.get_or_init(Box::default)
    }

    /// Binds the hub to this thread. `alive`: the thread is surely not ending.
    #[inline]
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

    pub(crate) fn transaction(&self) -> Option<&Transaction> {
        let transaction = self.transaction.as_deref()?;
        Some(transaction.replaced.get().unwrap_or(&transaction.begun))
    }

    /// Takes the ids that the span of the request has elsewhere. The span is entered, and code in it has not run yet.
    pub(crate) fn take_ids(&self, trace: &TraceContext) {
        if let Some(transaction) = &self.transaction
            && let Some(replaced) = (transaction.replace)(self, &transaction.begun, trace)
        {
            let _ = transaction.replaced.set(replaced);
        }
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
    #[inline]
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self {
            _guard: HubSwitchGuard::new(hub),
        }
    }

    /// Binds a hub to this thread. `alive`: the thread is surely not ending.
    #[inline]
    pub(crate) fn bind(hub: &ForkedHub, alive: bool) -> Option<Self> {
        thread_has_hub(alive).then(|| Self::new(Arc::clone(hub)))
    }
}

/// Whether the thread has a current hub, or may get one now because it is surely not ending.
///
/// Sentry's own thread-local aborts the process if it is used after its end. `MARK` is made after it, and so ends before it.
#[inline]
pub(crate) fn thread_has_hub(alive: bool) -> bool {
    match STATE.get() {
        HubState::Made => true,
        HubState::Unknown => alive && make_hub(),
        HubState::Gone => false,
    }
}

#[cold]
fn make_hub() -> bool {
    let _first = Hub::current();
    MARK.with(|_| ());
    STATE.set(HubState::Made);
    true
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
