//! Lets layers find the same exchange, however far they are apart.

use std::sync::Arc;

use http::Extensions;

use super::{exchange::Exchange, marks::Mark, passing::Passing};

/// The exchange as it travels in the extensions of its request.
#[derive(Clone)]
pub(crate) enum Shared {
    Exchange(Arc<Exchange>),
    /// The outermost layer excludes the request, and has not made an exchange.
    Passing(Arc<Passing>),
}

// === impl Shared ===

impl Shared {
    /// The exchange of a request, if a layer of this crate observes it and none excludes it.
    pub(crate) fn observed(request: &Extensions) -> Option<&Arc<Exchange>> {
        match request.get()? {
            Self::Exchange(exchange) => (!exchange.marks().has(Mark::Excluded)).then_some(exchange),
            Self::Passing(_) => None,
        }
    }

    /// Marks the exchange of a request, if a layer of this crate has made one.
    pub(crate) fn mark(request: &Extensions, mark: Mark) {
        match request.get() {
            Some(Self::Exchange(exchange)) => _ = exchange.marks().set(mark),
            Some(Self::Passing(passing)) => passing.mark(mark),
            None => {}
        }
    }
}
