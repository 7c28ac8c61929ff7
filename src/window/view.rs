//! Looks at a window at one moment.

use std::time::Duration;

use super::{
    moment::Moment,
    sums::{Span, Sums},
    ticking::Shared,
};
use crate::metrics::readings::{Key, Readings};

/// A window at one moment. So stretches of time that follow each other share their edge: with another reading of the clocks,
/// whose difference changes by parts of a millisecond, the end of one could be in the slot before the beginning of the next.
pub(crate) struct View<'w> {
    shared: &'w Shared,
    live: Readings,
    now: Moment,
}

// === impl View ===

impl<'w> View<'w> {
    /// The window at this moment.
    pub(super) fn new(shared: &'w Shared) -> Self {
        Self {
            live: (shared.read)(),
            now: (shared.clock)(),
            shared,
        }
    }

    /// The wall time since 1970.
    pub(crate) const fn wall(&self) -> Duration {
        self.now.wall
    }

    /// What was counted in a stretch of time, for the keys that are wanted.
    pub(crate) fn sums(&self, span: Span, wanted: impl Fn(&Key) -> bool) -> Sums {
        let ring = self.shared.ring();
        ring.sums(span, self.now, &self.live, wanted)
    }
}
