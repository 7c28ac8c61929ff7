//! Holds who follows an exchange for one layer: in its future, then in its body.

use std::{mem, sync::Arc};

use http::{Response, Version, response};
use http_body::Body;

use super::{
    EngineHandle, head::MethodKind, passing::PassingTracker, span::Running, tracker::Tracker,
};
use crate::facts::{layer_kinds::LayerKinds, passing::Passing};

/// Who follows an exchange for one layer.
#[derive(Debug)]
pub(super) enum Slot {
    /// Nobody: layers further out do, or the exchange has ended.
    Empty,
    Observed(Tracker),
    /// The request is excluded, and nothing has gone wrong yet.
    Passing(PassingTracker),
}

// === impl Slot ===

impl Slot {
    /// Of a request that is excluded. Empty if layers further out are active for all kinds of this one.
    #[inline(always)]
    pub(super) fn passing(
        engine: &EngineHandle,
        active: LayerKinds,
        passing: Arc<Passing>,
        version: Version,
    ) -> Self {
        match active.is_empty() {
            true => Self::Empty,
            false => Self::Passing(PassingTracker::new(engine, active, passing, version)),
        }
    }

    /// Notes the head of a response with which nothing went wrong, if the request is excluded. Returns the slot of its body, or
    /// `None` if the tracker must note the head.
    #[inline]
    pub(super) fn pass_head<B: Body>(
        &mut self,
        response: &Response<B>,
        method: MethodKind,
    ) -> Option<Self> {
        let Self::Passing(passing) = self else {
            return None;
        };
        if !passing.head(response, method)? {
            self.empty_at_end(response.body());
        }
        Some(mem::replace(self, Self::Empty))
    }

    /// The tracker, if there is one.
    pub(super) const fn tracker(&mut self) -> Option<&mut Tracker> {
        match self {
            Self::Observed(tracker) => Some(tracker),
            Self::Empty | Self::Passing(_) => None,
        }
    }

    /// Whether panics of the inner service are caught.
    pub(super) fn catches(&self) -> bool {
        match self {
            Self::Observed(tracker) => tracker.engine.panics.is_some(),
            // A layer that catches panics follows excluded requests as all others.
            Self::Empty | Self::Passing(_) => false,
        }
    }

    /// The tracker. That of an excluded request is made now.
    pub(super) fn observed(&mut self) -> Option<&mut Tracker> {
        if let Self::Passing(passing) = self {
            *self = Self::Observed(passing.tracker());
        }
        self.tracker()
    }

    /// Takes the tracker out. That of an excluded request is made now.
    pub(super) fn take(&mut self) -> Option<Tracker> {
        match mem::replace(self, Self::Empty) {
            Self::Empty => None,
            Self::Observed(tracker) => Some(tracker),
            Self::Passing(mut passing) => Some(passing.tracker()),
        }
    }

    /// Nobody follows the exchange any more. Not inlined, so that what polls a frame stays small.
    #[inline(never)]
    pub(super) fn empty(&mut self) {
        *self = Self::Empty;
    }

    /// Empties the slot of an exchange that has ended, if its body has, too. Else the body has destructors that run in the exchange: a
    /// server drops a stream after a head to which none belongs.
    fn empty_at_end<B: Body>(&mut self, body: &B) {
        if body.is_end_stream() {
            self.empty();
        }
    }

    /// Notes the head of the response.
    pub(super) fn head<B: Body>(
        &mut self,
        response: &mut response::Parts,
        body: &B,
        method: MethodKind,
    ) {
        let tracker = self.observed();
        if tracker.is_some_and(|tracker| !tracker.head(response, body, method)) {
            self.empty_at_end(body);
        }
    }

    /// Runs destructors of the inner service in the exchange, if it is observed, else with the hub of the request.
    // Inlined, since most slots are empty by then.
    #[inline(always)]
    pub(super) fn enter_drop(&mut self) -> Running<'_> {
        match self {
            Self::Empty => Running::with_hub(None),
            Self::Observed(tracker) => tracker.enter_drop(),
            Self::Passing(passing) => Running::with_hub(passing.bind_hub(false)),
        }
    }

    /// Makes the exchange current, before code of the inner service runs. After a panic in it, the slot stays running.
    #[inline(always)]
    pub(super) fn enter(&mut self) -> Running<'_> {
        match self {
            Self::Empty => Running::with_hub(None),
            Self::Observed(tracker) => tracker.run(),
            Self::Passing(passing) => {
                passing.running = true;
                Running::with_hub(passing.bind_hub(true))
            }
        }
    }

    /// Notes that the code has returned.
    #[inline(always)]
    pub(super) const fn leave(&mut self) {
        match self {
            Self::Empty => {}
            Self::Observed(tracker) => tracker.running = false,
            Self::Passing(passing) => passing.running = false,
        }
    }
}
