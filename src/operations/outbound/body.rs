//! Follows the body of an answer of another service to its end.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{super::judged, answer, call::Call};
use crate::facts::work::CallOutcome;

pin_project! {
    /// The body of an answer that [`OutboundLayer`](super::OutboundLayer) follows. Frames, trailers and hints are those of the
    /// inner body.
    #[derive(Debug)]
    pub struct OutboundBody<B> {
        // Dropped before the call, which ends with it.
        #[pin]
        inner: B,
        // `None` when the call has ended.
        call: Option<Call>,
    }
}

// === impl OutboundBody ===

impl<B> OutboundBody<B> {
    pub(super) const fn new(inner: B, call: Option<Call>) -> Self {
        Self { inner, call }
    }
}

impl<B: Body<Error: 'static>> Body for OutboundBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(call) = this.call else {
            return this.inner.poll_frame(cx);
        };
        let polled = call.run(|| this.inner.as_mut().poll_frame(cx));
        call.awaited(polled.is_pending());
        if let Poll::Ready(frame) = &polled
            && let Some(outcome) = ended(call.is_open(), frame.as_ref(), this.inner.is_end_stream())
        {
            call.end(outcome);
            *this.call = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// How the call ended, if its body ends with this frame. `is_open`: only the trailers tell.
fn ended<D, E: 'static>(
    is_open: bool,
    frame: Option<&Result<Frame<D>, E>>,
    at_end: bool,
) -> Option<CallOutcome> {
    match frame {
        Some(Err(error)) => Some(judged::of_error(error)),
        Some(Ok(frame)) => match frame.trailers_ref() {
            Some(trailers) if is_open => Some(answer::of_trailers(trailers)),
            Some(_) => Some(CallOutcome::Success),
            None if !at_end => None,
            None if is_open => Some(CallOutcome::Error),
            None => Some(CallOutcome::Success),
        },
        // The status of a gRPC call is missing.
        None if is_open => Some(CallOutcome::Error),
        None => Some(CallOutcome::Success),
    }
}
