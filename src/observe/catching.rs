//! Keeps a panic, and the answer in its place, until the server takes it.

use std::any::Any;

use bytes::Bytes;
use http::HeaderValue;

use crate::facts::caught_panic::CaughtPanic;

/// What a tracker keeps of a panic. Boxed, since few requests have one.
#[derive(Debug, Default)]
pub(super) struct Catching {
    /// The content type of a gRPC call, which its answer has as well.
    pub(super) grpc: Option<HeaderValue>,
    /// A panic of `call`, until the future is polled.
    pub(super) panic: Option<CaughtPanic>,
    /// The body of the answer, until the server takes it.
    pub(super) body: Option<Bytes>,
}

// === impl Catching ===

impl Catching {
    /// The panic is not answered yet.
    pub(super) const fn has_panic(&self) -> bool {
        self.panic.is_some()
    }

    pub(super) fn rest(&self) -> u64 {
        self.body.as_ref().map_or(0, |body| body.len() as u64)
    }

    /// The body, once, as the data that the inner body would have had.
    pub(super) fn take_body<D: 'static>(&mut self) -> Option<D> {
        let body: &mut dyn Any = &mut self.body;
        body.downcast_mut::<Option<D>>()?.take()
    }
}
