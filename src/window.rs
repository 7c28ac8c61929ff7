//! Keeps what was counted lately, and sums it over any window of the last day.
//!
//! It reads the counters, which only grow, once every slot on a thread of its own. A slot holds what was added, so a tick that
//! is late or lost costs resolution and no count, and what did not change takes no memory. Slots of a minute, of ten minutes
//! and of half an hour hold the same counts for longer.
//!
//! A window begins at the edge of a slot and ends now. What was counted since the last tick is part of it. While the machine
//! is suspended there is a gap, and no count is served as newer than it is.

mod block;
mod budget;
mod clock;
mod decode;
mod difference;
mod encode;
mod level;
mod moment;
mod numbers;
mod ring;
mod settings;
pub(crate) mod store;
mod sums;
mod ticking;
mod track;
pub(crate) mod varint;
mod view;

use std::sync::Arc;

#[cfg(feature = "fleet")]
pub(crate) use self::{
    block::{Block, Writer as BlockWriter},
    decode::read_key,
    encode::write_key,
    numbers::{Known, Numbered, Numbers, length as counts_of},
};
pub(crate) use self::{
    clock::now as clock_now,
    decode::FormatError,
    moment::Moment,
    ring::Restored,
    settings::Settings,
    sums::{Span, Sums},
    view::View,
};
use self::{
    decode::Stored,
    ring::Ring,
    ticking::{Alive, Shared},
};
use crate::metrics::readings::Readings;

/// A handle to the window of a process. Clones share it. Its thread ends with the last one.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

// === impl Window ===

impl Window {
    /// Starts a window that reads the counters by `read`.
    pub(crate) fn start(
        settings: Settings,
        read: impl Fn() -> Readings + Send + Sync + 'static,
    ) -> Self {
        let ring = Ring::new(settings, clock::now());
        let shared = Arc::new(Shared::new(ring, Box::new(read), Box::new(clock::now)));
        Self {
            _alive: Arc::new(ticking::start(&shared)),
            shared,
        }
    }

    /// A window with a clock of a test, which nobody reads but the test.
    #[cfg(test)]
    pub(crate) fn by_clock(
        settings: Settings,
        read: impl Fn() -> Readings + Send + Sync + 'static,
        clock: impl Fn() -> Moment + Send + Sync + 'static,
    ) -> Self {
        let ring = Ring::new(settings, clock());
        let shared = Arc::new(Shared::new(ring, Box::new(read), Box::new(clock)));
        Self {
            _alive: Arc::new(Alive::none()),
            shared,
        }
    }

    /// Ends a slot, as the thread does otherwise.
    #[cfg(test)]
    pub(crate) fn tick(&self) {
        self.shared.tick();
    }

    /// The window at this moment.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.shared)
    }

    /// Forgets all that was counted so far.
    pub(crate) fn clear(&self) {
        let live = (self.shared.read)();
        let now = (self.shared.clock)();
        self.shared.ring().clear(now, &live);
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.shared.ring().memory()
    }

    /// How often the durations of an endpoint and method, or of work, were given up in a slot, for memory.
    pub(crate) fn given_up(&self) -> u64 {
        self.shared.ring().given_up()
    }

    /// How many ticks were lost because reading panicked.
    pub(crate) fn lost_ticks(&self) -> u64 {
        self.shared.lost()
    }

    /// The last day in at most `limit` bytes, and how many endpoints and names of work were left out for that.
    pub(crate) fn to_bytes(&self, limit: usize) -> (Vec<u8>, usize) {
        let live = (self.shared.read)();
        let now = (self.shared.clock)();
        self.shared.ring().write(now, &live, limit)
    }

    /// Takes what an earlier process wrote. This must happen once, at the start.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are anything else, or were written with slots of another length.
    pub(crate) fn restore(&self, bytes: &[u8]) -> Result<Restored, FormatError> {
        let now = (self.shared.clock)();
        let mut ring = self.shared.ring();
        let stored = Stored::from_bytes(bytes, &ring.settings)?;
        Ok(ring.restore(stored, now))
    }
}

#[cfg(test)]
mod tests;
