//! Holds the facts of one request, shared by every layer it passes.

use std::{
    cell::RefCell,
    error::Error,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

#[cfg(feature = "axum")]
use http::Extensions;
use http::{HeaderValue, request, uri::PathAndQuery};
use tokio::time::Instant;

use crate::{
    category::{Evidence, Rules},
    facts::request_context::HandlerContext,
    facts::route::Endpoint,
    metrics::MethodLabel,
    timing::SeverityBands,
};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Exchange>>> = const { RefCell::new(None) };
}

/// One request and its response, from the first of our layers that saw it.
#[derive(Debug)]
pub struct Exchange {
    started: Instant,
    method: MethodLabel,
    target: Option<PathAndQuery>,
    id: OnceLock<HeaderValue>,
    claimed: AtomicU8,
    excluded: AtomicBool,
    overrides: Mutex<Overrides>,
    /// Where a layer for Sentry watches and a client is bound.
    #[cfg(feature = "sentry")]
    pub(crate) sentry: OnceLock<crate::sentry::Scope>,
}

/// What layers further in, and the handler, told about the request; the innermost has the last word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) bands: Option<SeverityBands>,
    /// A stream is judged by its whole time.
    pub(crate) judge_at_end: bool,
    /// A route's own, asked before those of the layer that speaks.
    pub(crate) rules: Option<Arc<Rules>>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) handler: Option<Arc<HandlerContext>>,
    /// What a route has Sentry told of, asked before what the layer that speaks says.
    #[cfg(feature = "sentry")]
    pub(crate) reports: Option<crate::sentry::Reports>,
}

/// How a request ended.
///
/// The six are complete: together with the requests in flight they are all that were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole response was handed to the server; whether the client received it, nobody here can know.
    Completed,
    /// The response's body failed.
    BodyError,
    /// The response was dropped before its body ended: the client left.
    Aborted,
    /// The request was dropped before there was a response.
    Cancelled,
    /// The service returned `Err`.
    Error,
    /// The service panicked, before the response or while its body was produced.
    Panicked,
}

/// The key under which the exchange travels with the request.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Exchange>);

/// LayerKinds of layer; where two of a kind meet around one request, the outermost speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerKinds(pub(crate) u8);

/// Keeps an exchange current on this thread until dropped, and its Sentry hub with it.
pub(crate) struct Entered {
    before: Option<Arc<Exchange>>,
    #[cfg(feature = "sentry")]
    _hub: Option<sentry::HubSwitchGuard>,
}

/// In which circumstances an exchange becomes the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnterMode {
    /// Code of the inner service runs.
    Run,
    /// The same, seen by the layer that keeps the exchange's Sentry hub.
    #[cfg(feature = "sentry")]
    RunWithHub,
    /// Something is dropped, perhaps on a thread that ends.
    Drop,
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn new(request: &request::Parts) -> Self {
        Self {
            started: Instant::now(),
            method: MethodLabel::new(&request.method),
            target: received(request),
            id: OnceLock::new(),
            claimed: AtomicU8::new(0),
            excluded: AtomicBool::new(false),
            overrides: Mutex::default(),
            #[cfg(feature = "sentry")]
            sentry: OnceLock::new(),
        }
    }

    /// The exchange that the running task works on, where one of our layers is above it and watches.
    ///
    /// Right in everything the handler polls itself, also under `tokio::join!`. A task made by `tokio::spawn` has none of
    /// its own; [`scope`](Self::scope) carries it there.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT
            .try_with(|current| current.borrow().clone())
            .ok()
            .flatten()
    }

    /// Runs `future` with this as its current exchange, wherever it is polled.
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
    /// The exchange's facts live as long as the longest of its tasks; the request itself ends, and is counted, without
    /// waiting for them.
    ///
    /// With feature `sentry`, the task has the request's Sentry scope as it is now, and adds to a copy of its own.
    pub async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        #[cfg(feature = "sentry")]
        let hub = self.sentry.get().map(crate::sentry::Scope::fork);
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _entered = self.enter(EnterMode::Run);
            #[cfg(feature = "sentry")]
            let _hub = hub.clone().map(sentry::HubSwitchGuard::new);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Runs `code` with this as its current exchange: what [`scope`](Self::scope) is to tasks, for threads.
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
        let _entered = self.enter(EnterMode::Run);
        #[cfg(feature = "sentry")]
        let _hub = self
            .sentry
            .get()
            .map(|scope| sentry::HubSwitchGuard::new(scope.fork()));
        code()
    }

    /// The request's id, once [`RequestIdLayer`](crate::RequestIdLayer) has settled it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.get().and_then(|id| id.to_str().ok())
    }

    /// The request's method as it stands in metrics: one of HTTP's nine, or `_OTHER`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method.as_str()
    }

    /// The request's path as received, raw and without its query: what a client wrote, never to be a label.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The path with its query, as received.
    #[cfg(feature = "sentry")]
    pub(crate) fn target(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::as_str)
    }

    /// Names the route that serves the request, for services that no router labels.
    ///
    /// The name is a `'static` text so that it cannot come from a client. A layer of ours at a matched axum route says it
    /// by itself.
    pub fn name_endpoint(&self, name: &'static str) {
        self.update(|overrides| overrides.endpoint = Some(Endpoint::Named(name)));
    }

    pub(crate) const fn method_label(&self) -> MethodLabel {
        self.method
    }

    pub(crate) const fn id_value(&self) -> &OnceLock<HeaderValue> {
        &self.id
    }

    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn is_excluded(&self) -> bool {
        self.excluded.load(Ordering::Relaxed)
    }

    /// Silences every layer further in.
    pub(crate) fn exclude(&self) {
        self.excluded.store(true, Ordering::Relaxed);
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Overrides)) {
        change(
            &mut self
                .overrides
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(crate) fn overrides(&self) -> Overrides {
        self.overrides
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut HandlerContext)) {
        self.update(|overrides| change(Arc::make_mut(overrides.handler.get_or_insert_default())));
    }

    /// The error that the handler keeps behind its answer; asked of every response, so nothing else is cloned for it.
    pub(crate) fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        let overrides = self
            .overrides
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        overrides.handler.as_ref()?.cause.clone()
    }

    /// The exchange of a request, unless it passes by unwatched: one that only a layer further in left alone is still current.
    #[cfg(feature = "axum")]
    pub(crate) fn watching(extensions: &Extensions) -> Option<Arc<Self>> {
        let Shared(exchange) = extensions.get()?;
        let is_current = || Self::current().is_some_and(|current| Arc::ptr_eq(&current, exchange));
        (!exchange.is_excluded() || is_current()).then(|| Arc::clone(exchange))
    }

    pub(crate) fn is_claimed(&self, kinds: LayerKinds) -> bool {
        LayerKinds(self.claimed.load(Ordering::Relaxed)).overlaps(kinds)
    }

    /// Takes those of `kinds` that no layer further out has taken.
    pub(crate) fn claim(&self, kinds: LayerKinds) -> LayerKinds {
        let before = self.claimed.fetch_or(kinds.0, Ordering::Relaxed);
        LayerKinds(kinds.0 & !before)
    }

    /// Makes this the current exchange of the thread; without effect where thread-locals are already gone.
    #[cfg_attr(
        not(feature = "sentry"),
        expect(unused_variables, reason = "only a hub is bound differently")
    )]
    pub(crate) fn enter(self: &Arc<Self>, mode: EnterMode) -> Entered {
        let before = CURRENT
            .try_with(|current| current.replace(Some(Arc::clone(self))))
            .ok()
            .flatten();
        #[cfg(feature = "sentry")]
        let hub = {
            // Within itself it has its hub already, or one that somebody made of it further in.
            let within = before
                .as_ref()
                .is_some_and(|before| Arc::ptr_eq(before, self));
            let scope = self
                .sentry
                .get()
                .filter(|_| !within || mode == EnterMode::RunWithHub);
            scope.and_then(|scope| scope.bind(mode != EnterMode::Drop))
        };
        Entered {
            before,
            #[cfg(feature = "sentry")]
            _hub: hub,
        }
    }
}

/// Whether this thread still has its thread-locals, and with them loggers and clients that can be called.
pub(crate) fn thread_is_alive() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}

/// The target before any router took a prefix from it.
pub(crate) fn received(request: &request::Parts) -> Option<PathAndQuery> {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions.get::<axum::extract::OriginalUri>() {
        return original.0.path_and_query().cloned();
    }
    request.uri.path_and_query().cloned()
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Completed,
        Self::BodyError,
        Self::Aborted,
        Self::Cancelled,
        Self::Error,
        Self::Panicked,
    ];

    /// The word used as a metric label and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::BodyError => "body_error",
            Self::Aborted => "aborted",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Panicked => "panicked",
        }
    }
}

// === impl LayerKinds ===

impl LayerKinds {
    pub(crate) const REQUEST_ID: Self = Self(1);
    pub(crate) const TIMING: Self = Self(1 << 1);
    pub(crate) const LOG: Self = Self(1 << 2);
    pub(crate) const CATEGORY: Self = Self(1 << 3);
    pub(crate) const STUCK: Self = Self(1 << 4);
    #[cfg(feature = "sentry")]
    pub(crate) const SENTRY: Self = Self(1 << 5);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

// === impl Entered ===

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        // What is taken out is dropped outside the borrow.
        let _mine = CURRENT.try_with(|current| current.replace(before));
    }
}
