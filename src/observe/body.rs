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
    slot::Slot,
    tracker::Tracker,
};
use crate::facts::exchange::Outcome;

pin_project! {
    /// The body of a response that a layer follows. Frames, trailers and hints are those of the inner body.
    pub struct ResponseBody<B, E = Unexamined> {
        // `None` while it is being dropped, and if the tracker has an answer in place of a panic.
        #[pin]
        inner: Option<B>,
        slot: Slot,
        errors: PhantomData<fn() -> E>,
    }

    impl<B, E> PinnedDrop for ResponseBody<B, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.slot.enter_drop();
            this.inner.set(None);
        }
    }
}

/// What a poll of a body gives.
type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

// === impl ResponseBody ===

impl<B, E> ResponseBody<B, E> {
    #[inline(always)]
    pub(super) const fn new(inner: B, slot: Slot) -> Self {
        Self {
            inner: Some(inner),
            slot,
            errors: PhantomData,
        }
    }

    /// The answer that a tracker has in place of a panic.
    pub(super) const fn answer(tracker: Tracker) -> Self {
        Self {
            inner: None,
            slot: Slot::Observed(tracker),
            errors: PhantomData,
        }
    }

    fn catching(&self) -> Option<&Catching> {
        match &self.slot {
            Slot::Observed(tracker) => tracker.catching.as_deref(),
            Slot::Empty | Slot::Passing(_) => None,
        }
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
            let catching = this.slot.tracker().and_then(|it| it.catching.as_mut());
            let answer = catching.and_then(|catching| catching.take_body());
            return Poll::Ready(answer.map(|data| Ok(Frame::data(data))));
        };
        let polled = match this.slot {
            Slot::Empty => return inner.poll_frame(cx),
            Slot::Observed(tracker) => tracker.poll_frame(inner.as_mut(), cx),
            Slot::Passing(passing) => {
                passing.running = true;
                let polled = {
                    let _hub = passing.bind_hub(true);
                    inner.as_mut().poll_frame(cx)
                };
                passing.running = false;
                polled
            }
        };
        let Poll::Ready(frame) = &polled else {
            return polled;
        };
        if this.slot.has_ended() {
            return polled;
        }
        match (&mut *this.slot, frame) {
            (Slot::Observed(tracker), Some(Ok(frame))) => {
                if let Some(outcome) = tracker.frame(frame, inner.is_end_stream()) {
                    tracker.end(outcome);
                }
            }
            (Slot::Observed(tracker), None) => tracker.end(Outcome::Completed),
            (Slot::Passing(passing), Some(Ok(frame))) => {
                if passing.frame(frame, inner.is_end_stream()) {
                    passing.end();
                }
            }
            (Slot::Passing(passing), None) => passing.end(),
            (slot, Some(Err(error))) => {
                if let Some(tracker) = slot.observed() {
                    let outcome = tracker.body_failed(E::look(error));
                    tracker.end(outcome);
                }
            }
            (Slot::Empty, _) => {}
        }
        // The slot of a stream stays for its destructors, which run in the exchange.
        if this.slot.has_ended() && inner.is_end_stream() {
            this.slot.empty();
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

// === impl Tracker ===

impl Tracker {
    /// Polls the inner body in the exchange, if it is observed, else with the hub of the request.
    #[inline(always)]
    fn poll_frame<B: Body>(&mut self, body: Pin<&mut B>, cx: &mut Context<'_>) -> Polled<B> {
        self.running = true;
        let polled = if self.excluded {
            let _hub = self.exchange.bind_hub(true);
            body.poll_frame(cx)
        } else {
            let _entered = self.enter(self.enter_mode());
            body.poll_frame(cx)
        };
        self.running = false;
        polled
    }
}
