//! Holds who follows an exchange for one layer: in its future, then in its body.

use http::{request, response};
use http_body::Body;

use super::{
    EngineHandle, engine::Traits, passing::PassingTracker, span::Entered, tracker::Tracker,
};

/// Who follows an exchange for one layer.
#[derive(Debug)]
pub(super) enum Slot {
    /// Nobody: layers further out do, or the exchange has ended.
    Empty,
    Observed(Tracker),
    /// The request is excluded, and nothing has gone wrong yet.
    Passing(PassingTracker),
}

/// Makes the exchange current, then runs code of the inner service. After a panic, the slot stays running.
#[inline(always)]
pub(super) fn run<T>(slot: &mut Slot, code: impl FnOnce() -> T) -> T {
    let entered = slot.enter();
    let value = code();
    drop(entered);
    slot.leave();
    value
}

// === impl Slot ===

impl Slot {
    /// Finds or makes the exchange, claims its kinds, and runs the hooks before the inner call.
    ///
    /// Empty if an outer layer excludes the request, or if outer layers are active for every kind of this engine. An inactive
    /// layer still sets its overrides.
    #[inline(always)]
    pub(super) fn begin(
        engine: &EngineHandle,
        traits: Traits,
        request: &mut request::Parts,
    ) -> Self {
        Tracker::begin(engine, traits, request)
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

    /// Takes the tracker out. That of an excluded request is made now.
    pub(super) fn take(&mut self) -> Option<Tracker> {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => None,
            Self::Observed(tracker) => Some(tracker),
            Self::Passing(mut passing) => Some(passing.tracker()),
        }
    }

    /// Notes the head of the response. Then the slot is empty if no body is to come.
    pub(super) fn head<B: Body>(
        &mut self,
        response: &mut response::Parts,
        body: &B,
        is_head_request: bool,
    ) {
        let body_follows = match self {
            Self::Empty => return,
            Self::Observed(tracker) => tracker.head(response, body, is_head_request),
            Self::Passing(passing) => match passing.head(response, body, is_head_request) {
                Some(body_follows) => body_follows,
                None => {
                    let mut tracker = passing.tracker();
                    let body_follows = tracker.head(response, body, is_head_request);
                    *self = Self::Observed(tracker);
                    body_follows
                }
            },
        };
        if !body_follows {
            *self = Self::Empty;
        }
    }

    /// Runs destructors of the inner service in the exchange, if it is observed.
    pub(super) fn enter_drop(&mut self) -> Option<Entered<'_>> {
        self.tracker().and_then(Tracker::enter_drop)
    }

    #[inline(always)]
    fn enter(&mut self) -> Option<Entered<'_>> {
        match self {
            Self::Empty => None,
            Self::Observed(tracker) => tracker.run(),
            Self::Passing(passing) => {
                passing.running = true;
                None
            }
        }
    }

    #[inline(always)]
    const fn leave(&mut self) {
        match self {
            Self::Empty => {}
            Self::Observed(tracker) => tracker.running = false,
            Self::Passing(passing) => passing.running = false,
        }
    }
}
