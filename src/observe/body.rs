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
    passing::PassingTracker,
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

    #[inline(always)]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => this.slot.poll_frame::<B, E>(inner, cx),
            None => {
                let catching = this.slot.tracker().and_then(|it| it.catching.as_mut());
                let answer = catching.and_then(|catching| catching.take_body());
                Poll::Ready(answer.map(|data| Ok(Frame::data(data))))
            }
        }
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

// A frame is as large as a map of headers. So each function returns at one place, and the frame is made where the caller wants it.

// === impl Slot ===

impl Slot {
    /// Polls the inner body, and notes what it gives.
    #[inline(always)]
    fn poll_frame<B: Body, E: Errors<B::Error>>(
        &mut self,
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Polled<B> {
        let mut is_over = false;
        let polled = match self {
            Self::Empty => body.poll_frame(cx),
            Self::Observed(tracker) => tracker.poll_frame::<B, E>(body, cx, &mut is_over),
            Self::Passing(passing) => passing.poll_frame::<B, E>(body, cx, &mut is_over),
        };
        // The slot of a stream stays for its destructors, which run in the exchange.
        if is_over {
            self.empty();
        }
        polled
    }
}

// === impl Tracker ===

impl Tracker {
    /// Polls the inner body in the exchange, if it is observed, else with the hub of the request. Notes what it gives, and whether
    /// nothing of it is left.
    #[inline(always)]
    fn poll_frame<B: Body, E: Errors<B::Error>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
        is_over: &mut bool,
    ) -> Polled<B> {
        self.running = true;
        let polled = if self.excluded {
            let _hub = self.exchange.bind_hub(true);
            body.as_mut().poll_frame(cx)
        } else {
            let _entered = self.enter(self.enter_mode());
            body.as_mut().poll_frame(cx)
        };
        self.running = false;
        if let Poll::Ready(frame) = &polled
            && !self.ended
        {
            let outcome = match frame {
                Some(Ok(frame)) => self.frame(frame, body.is_end_stream()),
                Some(Err(error)) => Some(self.body_failed(E::look(error))),
                None => Some(Outcome::Completed),
            };
            if let Some(outcome) = outcome {
                self.end(outcome);
                *is_over = body.is_end_stream();
            }
        }
        polled
    }
}

// === impl PassingTracker ===

impl PassingTracker {
    /// Polls the inner body with the hub of the request, and notes what it gives.
    #[inline(always)]
    fn poll_frame<B: Body, E: Errors<B::Error>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
        is_over: &mut bool,
    ) -> Polled<B> {
        self.running = true;
        let polled = {
            let _hub = self.bind_hub(true);
            body.as_mut().poll_frame(cx)
        };
        self.running = false;
        if let Poll::Ready(frame) = &polled
            && !self.ended
        {
            match frame {
                Some(Ok(frame)) => self.frame(frame, body.is_end_stream()),
                Some(Err(error)) => self.body_failed(E::look(error)),
                None => self.end(),
            }
            *is_over = self.ended && body.is_end_stream();
        }
        polled
    }
}
