//! Holds the facts of one request, shared by every layer it passes.

use std::{
    cell::RefCell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use http::HeaderValue;
use tokio::time::Instant;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Exchange>>> = const { RefCell::new(None) };
}

/// One request and its response, from the first of our layers that saw it.
#[derive(Debug)]
pub struct Exchange {
    started: Instant,
    id: OnceLock<HeaderValue>,
    claimed: AtomicU8,
}

/// How a request ended.
///
/// The six are complete: together with the requests in flight they are all that were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole response was handed to the server; whether the client received it, nobody here can know.
    Completed,
    /// The response's body failed.
    BodyError,
    /// The response was dropped before its body ended: the client left.
    Aborted,
    /// The request was dropped before there was a response.
    Cancelled,
    /// The service returned `Err`.
    Error,
    /// The service panicked, before the response or while its body was produced.
    Panicked,
}

/// The key under which the exchange travels with the request.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Exchange>);

/// Kinds of layer; where two of a kind meet around one request, the outermost speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(pub(crate) u8);

/// Keeps an exchange current on this thread until dropped.
pub(crate) struct Entered {
    before: Option<Arc<Exchange>>,
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            id: OnceLock::new(),
            claimed: AtomicU8::new(0),
        }
    }

    /// The exchange that the running task works on, where one of our layers is above it.
    ///
    /// A task made by `tokio::spawn` has none of its own.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT
            .try_with(|current| current.borrow().clone())
            .ok()
            .flatten()
    }

    /// The request's id, once [`RequestIdLayer`](crate::request_id::RequestIdLayer) has settled it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.get().and_then(|id| id.to_str().ok())
    }

    pub(crate) fn id_value(&self) -> Option<&HeaderValue> {
        self.id.get()
    }

    pub(crate) fn settle_id(&self, id: HeaderValue) {
        // The first id stands: only the layer that claimed the kind calls this, and it does so once.
        let _ = self.id.set(id);
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Takes those of `kinds` that no layer further out has taken.
    pub(crate) fn claim(&self, kinds: Kinds) -> Kinds {
        let before = self.claimed.fetch_or(kinds.0, Ordering::Relaxed);
        Kinds(kinds.0 & !before)
    }

    /// Makes this the current exchange of the thread; without effect where thread-locals are already gone.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        let before = CURRENT
            .try_with(|current| current.replace(Some(Arc::clone(self))))
            .ok()
            .flatten();
        Entered { before }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Completed,
        Self::BodyError,
        Self::Aborted,
        Self::Cancelled,
        Self::Error,
        Self::Panicked,
    ];

    /// The word used as a metric label and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::BodyError => "body_error",
            Self::Aborted => "aborted",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Panicked => "panicked",
        }
    }
}

// === impl Kinds ===

impl Kinds {
    pub(crate) const REQUEST_ID: Self = Self(1);

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

// === impl Entered ===

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        // What is taken out is dropped outside the borrow.
        let _mine = CURRENT.try_with(|current| current.replace(before));
    }
}
