//! Makes an exchange the current one of the code that runs for it.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};

use http::Extensions;

use super::{
    exchange::Exchange,
    marks::Mark,
    sentry_data::{ForkedHub, HubGuard},
    shared::Shared,
};

thread_local! {
    static CURRENT: Cell<Option<Arc<Exchange>>> = const { Cell::new(None) };
}

/// Why an exchange becomes the current one. It decides whether the exchange's Sentry hub is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnterMode {
    /// Code of the inner service runs.
    Run,
    /// Code of the inner service runs, in the layer that made the hub. The hub is always bound.
    RunWithHub,
    /// A destructor runs. The thread-locals can be gone.
    Drop,
}

/// Keeps an exchange and its Sentry hub current on this thread until it is dropped.
///
/// Its owner lends the thread a reference to the exchange, and has it back afterwards. So polls do not change the reference
/// count.
pub(crate) struct Entered<'a> {
    /// Holds the exchange that was current before, for as long as this one is.
    lent: &'a mut Option<Arc<Exchange>>,
    _hub: Option<HubGuard>,
}

// === impl Exchange ===

impl Exchange {
    /// The exchange of the running code, if a layer of this crate observes it.
    ///
    /// It works in all futures that the handler polls, also under `tokio::join!`. A task of `tokio::spawn` has no exchange:
    /// [`scope`](Self::scope) carries it there.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        let clone = |current: &Cell<Option<Arc<Self>>>| {
            let exchange = current.take();
            current.set(exchange.clone());
            exchange
        };
        CURRENT.try_with(clone).ok().flatten()
    }

    /// Runs `future` with this as its current exchange, on whatever thread it is polled.
    ///
    /// ```
    /// # use tower_vitals::exchange::Exchange;
    /// # async fn send_receipt() {}
    /// # async fn handler() {
    /// if let Some(exchange) = Exchange::current() {
    ///     tokio::spawn(exchange.scope(send_receipt()));
    /// }
    /// # }
    /// ```
    ///
    /// The exchange stays in memory until its last task ends. The request ends, and is counted, without waiting for tasks.
    ///
    /// With feature `sentry`, the task gets a copy of the request's Sentry scope as it is now. What the task adds stays in the copy.
    pub fn scope<F: Future>(self: Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        // Here, and not at the first poll, when the handler may have changed its scope.
        let hub = self.fork_hub();
        async move {
            let mut future = pin!(future);
            let mut lent = None;
            poll_fn(|cx| {
                let _entered = Entered::new(&self, &mut lent, EnterMode::Run);
                // The fork replaces the hub that `enter` has bound.
                let _hub = hub.clone().map(HubGuard::new);
                future.as_mut().poll(cx)
            })
            .await
        }
    }

    /// Runs `code` on this thread with this as its current exchange. [`scope`](Self::scope) does the same for tasks.
    ///
    /// ```
    /// # use tower_vitals::exchange::Exchange;
    /// # fn resize_picture() {}
    /// # async fn handler() {
    /// let exchange = Exchange::current();
    /// tokio::task::spawn_blocking(move || match exchange {
    ///     Some(exchange) => exchange.run(resize_picture),
    ///     None => resize_picture(),
    /// });
    /// # }
    /// ```
    pub fn run<T>(self: &Arc<Self>, code: impl FnOnce() -> T) -> T {
        let hub = self.fork_hub();
        let mut lent = None;
        let _entered = Entered::new(self, &mut lent, EnterMode::Run);
        let _hub = hub.map(HubGuard::new);
        code()
    }

    /// Binds the hub of the exchange to this thread, and does not make the exchange the current one. `alive`: the thread is surely
    /// not ending.
    pub(crate) fn bind_hub(&self, alive: bool) -> Option<HubGuard> {
        match self.hub_of_excluded() {
            Some(hub) => HubGuard::bind(hub, alive),
            // Its route is not observed, which was not known when the request began.
            None => self.sentry()?.bind(alive),
        }
    }

    fn fork_hub(self: &Arc<Self>) -> Option<ForkedHub> {
        let sentry = self.sentry()?;
        let is_current = Self::current().is_some_and(|current| Arc::ptr_eq(&current, self));
        Some(sentry.fork(is_current))
    }

    /// The exchange of a request. `None` if the request is excluded. An exclusion by an inner layer does not count: then the
    /// exchange is still current.
    pub(crate) fn observed(request: &Extensions) -> Option<Arc<Self>> {
        let Shared::Exchange(exchange) = Shared::of(request)? else {
            return None;
        };
        let is_current = || Self::current().is_some_and(|current| Arc::ptr_eq(&current, exchange));
        (!exchange.marks().has(Mark::Excluded) || is_current()).then(|| Arc::clone(exchange))
    }
}

// === impl Entered ===

impl<'a> Entered<'a> {
    /// Makes `exchange` the current one of the thread. Does nothing if the thread's locals are already gone.
    ///
    /// `lent` is a second reference to the exchange. If it is missing, it is made, and is there the next time.
    #[inline(always)]
    pub(crate) fn new(
        exchange: &Arc<Exchange>,
        lent: &'a mut Option<Arc<Exchange>>,
        mode: EnterMode,
    ) -> Self {
        lent.get_or_insert_with(|| Arc::clone(exchange));
        let entered = swap(lent);
        // If this exchange is already current, its hub or a fork of it is already bound.
        let inside = || {
            let before = lent.as_ref().filter(|_| entered);
            before.is_some_and(|before| Arc::ptr_eq(before, exchange))
        };
        let hub = match exchange.sentry() {
            Some(sentry) if mode == EnterMode::RunWithHub || !inside() => {
                sentry.bind(mode != EnterMode::Drop)
            }
            _ => None,
        };
        Self { lent, _hub: hub }
    }
}

impl Drop for Entered<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        swap(self.lent);
    }
}

/// Swaps the current exchange of the thread. Returns `false` if the thread's locals are already gone.
#[inline(always)]
fn swap(exchange: &mut Option<Arc<Exchange>>) -> bool {
    let swap = |current: &Cell<Option<Arc<Exchange>>>| *exchange = current.replace(exchange.take());
    CURRENT.try_with(swap).is_ok()
}

/// Whether this thread still has its thread-locals, so that loggers and clients can be called.
pub(crate) fn thread_is_alive() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}
