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
    catching::Catching,
    errors::{Errors, Unexamined},
    tracker::{self, Tracker},
};
use crate::facts::exchange::Outcome;

pin_project! {
    /// The body of a response that a layer follows. Frames, trailers and hints are those of the inner body.
    pub struct ResponseBody<B, E = Unexamined> {
        // `None` while it is being dropped, and if the tracker has an answer in place of a panic.
        #[pin]
        inner: Option<B>,
        tracker: Option<Tracker>,
        errors: PhantomData<fn() -> E>,
    }

    impl<B, E> PinnedDrop for ResponseBody<B, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.tracker.as_mut().map(Tracker::enter_drop);
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

    /// The answer that a tracker has in place of a panic.
    pub(super) const fn answer(tracker: Tracker) -> Self {
        Self {
            inner: None,
            tracker: Some(tracker),
            errors: PhantomData,
        }
    }

    fn catching(&self) -> Option<&Catching> {
        self.tracker.as_ref()?.catching.as_deref()
    }
}

impl<B: Body<Data: 'static>, E: Errors<B::Error>> Body for ResponseBody<B, E> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            let catching = this.tracker.as_mut().and_then(|it| it.catching.as_mut());
            let answer = catching.and_then(|catching| catching.take_body());
            return Poll::Ready(answer.map(|data| Ok(Frame::data(data))));
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
        match &self.inner {
            Some(inner) => inner.is_end_stream(),
            None => self.catching().is_none_or(|catching| catching.rest() == 0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) => inner.size_hint(),
            None => SizeHint::with_exact(self.catching().map_or(0, Catching::rest)),
        }
    }
}

impl<B: fmt::Debug, E> fmt::Debug for ResponseBody<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
