//! Follows an exchange to the end of its response's body.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{
    errors::{Errors, Unexamined},
    tracker::{self, Tracker},
};
use crate::facts::exchange::Outcome;

pin_project! {
    /// The body of a response that a layer follows. Frames, trailers and hints are those of the inner body.
    pub struct ResponseBody<B, E = Unexamined> {
        // `None` only while it is being dropped.
        #[pin]
        inner: Option<B>,
        tracker: Option<Tracker>,
        errors: PhantomData<fn() -> E>,
    }

    impl<B, E> PinnedDrop for ResponseBody<B, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.tracker.as_mut().and_then(Tracker::enter_drop);
            this.inner.set(None);
        }
    }
}

// === impl ResponseBody ===

impl<B, E> ResponseBody<B, E> {
    #[inline(always)]
    pub(super) const fn new(inner: B, tracker: Option<Tracker>) -> Self {
        Self {
            inner: Some(inner),
            tracker,
            errors: PhantomData,
        }
    }
}

impl<B: Body, E: Errors<B::Error>> Body for ResponseBody<B, E> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = tracker::run(this.tracker, || inner.as_mut().poll_frame(cx));
        if let (Some(tracker), Poll::Ready(frame)) = (this.tracker.as_mut(), &polled) {
            let outcome = match frame {
                None => Some(Outcome::Completed),
                Some(Err(error)) => Some(tracker.body_failed(E::look(error))),
                Some(Ok(frame)) => tracker.frame(frame, inner.is_end_stream()),
            };
            if let Some(outcome) = outcome {
                tracker.end(outcome);
                *this.tracker = None;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), B::size_hint)
    }
}

impl<B: fmt::Debug, E> fmt::Debug for ResponseBody<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
