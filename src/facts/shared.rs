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

/// The same, in a box that is not one of the smallest.
// glibc keeps seven chunks of each size at hand for a thread. The application of the benches needs all seven of the smallest
// for a request, most of them in axum. An eighth costs some 500 instructions.
#[derive(Clone)]
struct Boxed {
    shared: Shared,
    _room: [usize; 2],
}

// The smallest chunk of glibc has room for three words.
const _: () = assert!(size_of::<Boxed>() > 3 * size_of::<usize>());

// === impl Shared ===

impl Shared {
    /// What a layer further out has put into the extensions of a request.
    #[inline(always)]
    pub(crate) fn of(request: &Extensions) -> Option<&Self> {
        request.get().map(|Boxed { shared, .. }| shared)
    }

    /// Puts it where layers further in find it.
    #[inline(always)]
    pub(crate) fn insert_into(self, request: &mut Extensions) {
        request.insert(Boxed {
            shared: self,
            _room: [0; 2],
        });
    }

    /// The exchange of a request, if a layer of this crate observes it and none excludes it.
    pub(crate) fn observed(request: &Extensions) -> Option<&Arc<Exchange>> {
        match Self::of(request)? {
            Self::Exchange(exchange) => (!exchange.marks().has(Mark::Excluded)).then_some(exchange),
            Self::Passing(_) => None,
        }
    }

    /// Marks the exchange of a request, if a layer of this crate has made one.
    pub(crate) fn mark(request: &Extensions, mark: Mark) {
        match Self::of(request) {
            Some(Self::Exchange(exchange)) => _ = exchange.marks().set(mark),
            Some(Self::Passing(passing)) => passing.mark(mark),
            None => {}
        }
    }
}
