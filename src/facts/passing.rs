//! Holds what layers share of a request that the outermost of them excludes before anything is made for it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU16, Ordering},
};

use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::{
    exchange::Exchange,
    labels::MethodLabel,
    layer_kinds::LayerKinds,
    marks::{Mark, Marks},
    pool::Pool,
    sentry_data::ForkedHub,
    start::Start,
};

thread_local! {
    static ENDED: Pool<Passing> = const { Pool::new() };
}

/// A request that the outermost layer of this crate excludes. It has no exchange, unless something may have gone wrong.
#[derive(Debug)]
pub(crate) struct Passing {
    started: Instant,
    method: MethodLabel,
    target: Option<PathAndQuery>,
    /// The kinds of layer that it has passed.
    claimed: AtomicU16,
    marks: Marks,
    /// With which its code runs, if a layer for Sentry gave it one.
    hub: Option<ForkedHub>,
    /// That of a layer further in, if the outermost had none.
    later_hub: OnceLock<ForkedHub>,
    exchange: OnceLock<Arc<Exchange>>,
}

// === impl Passing ===

impl Passing {
    /// Layers of these kinds are active for it.
    #[inline(always)]
    pub(crate) fn new(
        started: Instant,
        method: MethodLabel,
        target: Option<PathAndQuery>,
        LayerKinds(claimed): LayerKinds,
        hub: Option<ForkedHub>,
    ) -> Self {
        Self {
            started,
            method,
            target,
            claimed: AtomicU16::new(claimed),
            marks: Marks::default(),
            hub,
            later_hub: OnceLock::new(),
            exchange: OnceLock::new(),
        }
    }

    /// The same, with the memory of one that ended on this thread if there is one.
    #[inline(always)]
    pub(crate) fn unshared(self) -> Arc<Self> {
        if let Some(mut again) = Pool::take(&ENDED)
            && let Some(empty) = Arc::get_mut(&mut again)
        {
            *empty = self;
            return again;
        }
        Arc::new(self)
    }

    /// Lets the next excluded request have the memory of this one, if nobody else has it.
    #[inline]
    pub(crate) fn give_back(this: &mut Arc<Self>) {
        Pool::give_back(&ENDED, this, |ended| {
            ended.target = None;
            ended.hub = None;
            let _ = ended.later_hub.take();
            let _ = ended.exchange.take();
        });
    }

    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// Registers a layer further in. Returns the kinds for which it is the outermost layer: they are active.
    pub(crate) fn claim(&self, LayerKinds(kinds): LayerKinds) -> LayerKinds {
        let before = self.claimed.fetch_or(kinds, Ordering::Relaxed);
        LayerKinds(kinds & !before)
    }

    #[inline]
    pub(crate) fn hub(&self) -> Option<&ForkedHub> {
        self.hub.as_ref().or_else(|| self.later_hub.get())
    }

    /// A layer further in may have a hub for it. The first one counts.
    pub(crate) fn bring_hub(&self, make: impl FnOnce() -> Option<ForkedHub>) {
        if self.hub().is_none()
            && let Some(hub) = make()
        {
            let _ = self.later_hub.set(ForkedHub::clone(&hub));
            if let Some(exchange) = self.exchange.get() {
                exchange.start_late(Start {
                    hub: Some(hub),
                    ..Start::default()
                });
            }
        }
    }

    /// Adds a mark. The exchange has it too, if it is made already.
    pub(crate) fn mark(&self, mark: Mark) {
        self.marks.set(mark);
        if let Some(exchange) = self.exchange.get() {
            exchange.marks().set(mark);
        }
    }

    /// Its exchange, which all layers share.
    pub(crate) fn exchange(&self) -> Arc<Exchange> {
        let make = || {
            let mut exchange = Exchange::begun(self.started, self.method);
            exchange.begin(self.started, self.method, self.target.as_ref());
            exchange.start_mut().hub = self.hub().cloned();
            exchange.marks().set(Mark::Excluded);
            exchange.marks().add(&self.marks);
            Arc::new(exchange)
        };
        Arc::clone(self.exchange.get_or_init(make))
    }
}
