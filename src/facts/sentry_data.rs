//! Keeps the Sentry hub of one request, and binds it to the thread that runs the request's code.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use bytes::Bytes;
use sentry::{Hub, HubSwitchGuard, Transaction, protocol::TraceId};

use super::{kept_text, told_errors::ToldErrors, trace_context::TraceContext};

/// How many texts of a request are kept for Sentry.
pub(crate) const KEPT_TEXTS: usize = 7;

/// What Sentry needs of one exchange. Only the room `sentry` makes it and reads it.
pub(crate) struct SentryData {
    pub(crate) hub: Arc<Hub>,
    pub(crate) transaction: Option<Box<RequestTransaction>>,
    pub(crate) texts: KeptTexts,
    /// The request's own trace, which only events name.
    pub(crate) trace: OnceLock<TraceId>,
    /// The errors that the handler has told.
    pub(crate) told: ToldErrors,
    pub(crate) is_https: bool,
    /// Events show the address of the client.
    pub(crate) shows_client: bool,
    /// What was already reported of the exchange, as bits.
    pub(crate) reported: AtomicU8,
}

/// The transaction of one request.
pub(crate) struct RequestTransaction {
    pub(crate) begun: Transaction,
    /// What took its place, with the ids that the span of the request has elsewhere.
    pub(crate) replaced: OnceLock<Transaction>,
    /// Begins the one that takes its place. `None` if something has made spans of the first already.
    pub(crate) replace: fn(&SentryData, &Transaction, &TraceContext) -> Option<Transaction>,
}

/// Short texts of a request, each of which may be missing. As clones of header values they would be five times as large, and
/// would keep the buffer of the connection.
#[derive(Debug)]
pub(crate) struct KeptTexts {
    all: Bytes,
    ends: [u32; KEPT_TEXTS],
    /// As bits.
    present: u8,
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

// === impl KeptTexts ===

impl KeptTexts {
    #[inline]
    pub(crate) fn keep(texts: [Option<&[u8]>; KEPT_TEXTS]) -> Self {
        let (mut ends, mut present) = ([0; KEPT_TEXTS], 0);
        let all = kept_text::keep(|buffer| {
            for (place, text) in texts.iter().enumerate() {
                if let Some(text) = text {
                    buffer.extend_from_slice(text);
                    present |= 1 << place;
                }
                // A request has less than 4 GiB of headers.
                ends[place] = buffer.len() as u32;
            }
        });
        Self { all, ends, present }
    }

    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = begin as usize..self.ends[place] as usize;
        (self.present >> place & 1 == 1).then(|| self.all.get(range))?
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
