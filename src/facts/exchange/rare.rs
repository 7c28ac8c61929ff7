//! Keeps what few exchanges have, so that the others are small.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, atomic::AtomicU64};

use tracing::Span;

use crate::facts::{client_wait::ClientWait, start::LateStart};

/// What few exchanges have: with a body of the request, with a span around it, or with layers further in.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) client_wait: ClientWait,
    /// How many bytes of the body of its request were read.
    pub(super) request_bytes: AtomicU64,
    /// The span of the application in which the request runs. It stays open until the event of the request is written.
    span: Mutex<Option<Span>>,
    /// Boxed, since most stacks are one layer.
    pub(super) late: OnceLock<Box<LateStart>>,
}

// === impl Rare ===

impl Rare {
    pub(super) fn lock_span(&self) -> MutexGuard<'_, Option<Span>> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops all that is known of the request, and keeps the memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
