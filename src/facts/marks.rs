//! Notes what layers, services and bodies further in found out about an exchange.

use std::sync::atomic::{AtomicU16, Ordering};

/// What was found out about one exchange, as a set.
#[derive(Debug, Default)]
pub(crate) struct Marks(AtomicU16);

/// One thing that can be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Mark {
    /// A layer excludes the path. Layers further in do not observe the request.
    Excluded = 1,
    /// The request reached a route that is not observed, such as a probe.
    Unobserved = 1 << 1,
    /// The request reached the gRPC service that its path names.
    GrpcService = 1 << 2,
    /// A layer follows the body of the request.
    BodyFollowed = 1 << 3,
    /// The client left before it had sent the whole body.
    ClientLeft = 1 << 4,
    /// The request runs within a span of the application.
    InSpan = 1 << 5,
    /// The handler, or what reads its response, added something.
    HandlerAdded = 1 << 6,
    /// The route has a header of its own for the id.
    IdHeader = 1 << 7,
    /// What the client sent is no body.
    BodyMalformed = 1 << 8,
}

// === impl Marks ===

impl Marks {
    /// Adds a mark. Returns `true` if it was not there before.
    pub(crate) fn set(&self, mark: Mark) -> bool {
        self.0.fetch_or(mark as u16, Ordering::Relaxed) & mark as u16 == 0
    }

    /// Adds all marks of another set.
    pub(crate) fn add(&self, others: &Self) {
        let others = others.0.load(Ordering::Relaxed);
        self.0.fetch_or(others, Ordering::Relaxed);
    }

    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.0.load(Ordering::Relaxed) & mark as u16 != 0
    }
}
