//! The exchange: a request and its response, shared by every layer that it passes.

mod again;
mod ids;
mod rare;

use std::{
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

#[cfg(feature = "axum")]
use http::StatusCode;
use http::{Extensions, HeaderMap, Uri, uri::PathAndQuery};
use tokio::time::Instant;
use tracing::Span;

use self::rare::Rare;
pub use super::outcome::Outcome;
pub(crate) use super::start::Start;
#[cfg(feature = "axum")]
use super::{category::ErrorCategory, overrides::RareOverrides};
use super::{
    client_wait::ClientWait,
    evidence::Needs,
    grpc::{self, Code},
    handler_context::HandlerContext,
    labels::MethodLabel,
    layer_kinds::LayerKinds,
    logged_request::LoggedRequest,
    marks::{Mark, Marks},
    overrides::Overrides,
    request_texts::RequestTexts,
    route::Endpoint,
    router,
    sentry_data::{ForkedHub, SentryData},
    severity::Severity,
    start::LateStart,
    trace_context::TraceContext,
};

/// One exchange: a request and its response. The outermost layer of this crate makes it. A run of a
/// [background job](crate::operations::job) has one, too.
///
/// ```
/// use tower_vitals::exchange::Exchange;
///
/// async fn handler() -> String {
///     match Exchange::current() {
///         Some(exchange) => format!("{} {}", exchange.method(), exchange.path()),
///         None => "no layer observes this request".into(),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Exchange {
    started: Instant,
    method: MethodLabel,
    start: Start,
    /// The low 16 bits are the claimed kinds of layer, the high 16 bits are what the layers need.
    claimed_and_needed: AtomicU32,
    marks: Marks,
    /// See [`note_head`](Self::note_head).
    head: AtomicU64,
    overrides: Mutex<Overrides>,
    rare: OnceLock<Box<Rare>>,
}

/// There is no response yet.
const NO_HEAD: u64 = u64::MAX;

/// The response says that the server failed.
const FAILED_HEAD: u64 = u64::MAX - 1;

/// The most nanoseconds to a head.
const LONGEST_HEAD: u64 = u64::MAX - 2;

// === impl Exchange ===

impl Exchange {
    // Inlined, as the other short functions of each request: the exchange is then made in its place.
    #[inline(always)]
    pub(crate) fn begun(started: Instant, method: MethodLabel) -> Self {
        Self {
            started,
            method,
            start: Start::default(),
            claimed_and_needed: AtomicU32::new(0),
            marks: Marks::default(),
            head: AtomicU64::new(NO_HEAD),
            overrides: Mutex::default(),
            rare: OnceLock::new(),
        }
    }

    /// The exchange of a run of a job. It has no path, and its method is none of HTTP.
    pub(crate) fn of_job(name: &'static str) -> Self {
        let mut exchange = Self::begun(Instant::now(), MethodLabel::OTHER);
        exchange.update_early(|overrides| overrides.endpoint = Some(Endpoint::Job(name)));
        exchange
    }

    /// What the outermost layer makes, before the exchange is shared. That takes no atomic operation.
    #[inline(always)]
    pub(crate) const fn start_mut(&mut self) -> &mut Start {
        &mut self.start
    }

    /// Takes what a layer further in made.
    pub(crate) fn start_late(&self, start: Start) {
        if !start.is_empty() {
            self.late().take(start);
        }
    }

    /// The trace of which the request is a part, if a [`TraceContextLayer`](crate::TraceContextLayer) observes it.
    ///
    /// ```
    /// # use tower_vitals::exchange::Exchange;
    /// # fn handler() -> Option<()> {
    /// let exchange = Exchange::current()?;
    /// let trace = exchange.trace()?;
    /// println!("trace {} span {}", trace.trace_id(), trace.span_id());
    /// # Some(())
    /// # }
    /// ```
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        // What came later knows better.
        let late = self.known_late().and_then(|late| late.trace.get());
        late.or(self.start.trace.as_ref()).map(|trace| &**trace)
    }

    /// Takes the ids that the span of the request has elsewhere.
    pub(crate) fn replace_trace(&self, trace: TraceContext) {
        let _ = self.late().trace.set(Box::new(trace));
    }

    /// The method as metrics show it: one of the nine methods of HTTP, or `_OTHER`, also in a background job.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method.as_str()
    }

    /// The path as received, without its query. Empty in a background job. The client controls it: never use it as a metric label.
    #[must_use]
    pub fn path(&self) -> &str {
        self.start.texts.path()
    }

    /// The path with its query, as received.
    pub(crate) fn target(&self) -> &str {
        self.start.texts.target()
    }

    /// Sets the route of the request, for services without a router.
    ///
    /// The name is `'static`, so it cannot come from a client. In axum nothing needs to be set: a layer at a matched route
    /// reads it from the router. A background job keeps its name.
    pub fn set_route(&self, name: &'static str) {
        self.update(|overrides| {
            let endpoint = &mut overrides.endpoint;
            if endpoint.as_ref().and_then(Endpoint::job).is_none() {
                *endpoint = Some(Endpoint::Named(name));
            }
        });
    }

    pub(crate) const fn method_label(&self) -> MethodLabel {
        self.method
    }

    /// The hub of a request that no layer observes, if a layer for Sentry gave it one.
    pub(crate) fn hub_of_excluded(&self) -> Option<&ForkedHub> {
        let late = || self.known_late()?.hub.get();
        self.start.hub.as_ref().or_else(late)
    }

    /// What Sentry needs, if a layer for Sentry observes the request and a client is bound.
    #[inline]
    pub(crate) fn sentry(&self) -> Option<&SentryData> {
        let late = || self.known_late()?.sentry.get();
        self.start.sentry.as_ref().or_else(late)
    }

    /// What the layer for Sentry has kept of the request, beside the target.
    pub(crate) fn sentry_texts(&self) -> &RequestTexts {
        let late = || self.known_late()?.texts.get();
        match &self.start.sentry {
            Some(_) => &self.start.texts,
            None => late().unwrap_or(&self.start.texts),
        }
    }

    /// What the access log keeps of the request, if the application chose to.
    pub(crate) fn logged(&self) -> Option<&LoggedRequest> {
        let late = || self.known_late()?.logged.get();
        self.start.logged.as_ref().or_else(late).map(|kept| &**kept)
    }

    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// What was found out about the exchange further in.
    pub(crate) const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Notes that there is a response, after so many nanoseconds of its own, and whether it says that the server failed.
    pub(crate) fn note_head(&self, own_nanos: u64, failed: bool) {
        let noted = if failed {
            FAILED_HEAD
        } else {
            own_nanos.min(LONGEST_HEAD)
        };
        self.head.store(noted, Ordering::Relaxed);
    }

    /// The severity as far as it is known now: that of the head, or of the time until now if there is none yet. A route that
    /// is judged at its end goes on.
    pub(crate) fn severity(&self, overrides: &Overrides) -> Severity {
        let bands = overrides.bands.copied().unwrap_or_default();
        match self.head.load(Ordering::Relaxed) {
            FAILED_HEAD => Severity::Critical,
            NO_HEAD => bands.severity(self.own_time(Instant::now())),
            _ if overrides.judge_at_end => bands.severity(self.own_time(Instant::now())),
            nanos => bands.severity(Duration::from_nanos(nanos)),
        }
    }

    /// The time since the request began, without the waits for its client.
    pub(crate) fn own_time(&self, now: Instant) -> Duration {
        let total = now.saturating_duration_since(self.started);
        total.saturating_sub(self.waited(now))
    }

    /// How long the exchange has waited for its client. Without a lock if nobody follows the body.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        match self.rare.get() {
            Some(rare) if self.marks.has(Mark::BodyFollowed) => rare.client_wait.sum(now),
            _ => Duration::ZERO,
        }
    }

    /// How long the exchange waited for the body of its request.
    pub(crate) fn client_wait(&self) -> &ClientWait {
        &self.rare().client_wait
    }

    /// Notes how many bytes of the body of the request were read. Only its reader does it.
    pub(crate) fn note_request_bytes(&self, bytes: u64) {
        self.rare().request_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes of the body of the request were read, if somebody follows it.
    pub(crate) fn request_bytes(&self) -> Option<u64> {
        let followed = self.marks.has(Mark::BodyFollowed);
        let read = || Some(self.rare.get()?.request_bytes.load(Ordering::Relaxed));
        followed.then(|| read().unwrap_or_default())
    }

    /// Notes the span in which the request runs, if there is one. Code of the application's subscriber runs.
    pub(crate) fn note_span(&self, span: Span) {
        if !span.is_none() {
            self.marks.set(Mark::InSpan);
            let before = self.rare().lock_span().replace(span);
            drop(before);
        }
    }

    /// The span in which the request runs.
    pub(crate) fn span(&self) -> Option<Span> {
        let noted = || self.rare.get()?.lock_span().clone();
        self.marks.has(Mark::InSpan).then(noted).flatten()
    }

    /// Lets the span close, now that the request has ended. Tasks can hold the exchange for longer.
    pub(crate) fn release_span(&self) {
        let span = self.rare.get().map(|rare| rare.lock_span().take());
        drop(span);
    }

    /// Changes the overrides before the exchange is shared.
    #[inline(always)]
    pub(crate) fn update_early(&mut self, change: impl FnOnce(&mut Overrides)) {
        let overrides = self.overrides.get_mut();
        change(overrides.unwrap_or_else(PoisonError::into_inner));
    }

    /// Changes the overrides.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Overrides)) {
        change(&mut self.lock());
    }

    /// Reads the overrides.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Overrides) -> T) -> T {
        read(&self.lock())
    }

    /// A copy of the overrides.
    pub(crate) fn overrides(&self) -> Overrides {
        self.lock().clone()
    }

    /// Changes what the handler added.
    pub(crate) fn add(&self, change: impl FnOnce(&mut HandlerContext)) {
        self.marks.set(Mark::HandlerAdded);
        self.update(|overrides| {
            let handler = &mut overrides.rare_mut().handler;
            change(Arc::make_mut(handler.get_or_insert_default()));
        });
    }

    /// The error that the handler kept behind its response. It is asked of every response, so only the error is cloned.
    pub(crate) fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        let asked = self.marks.has(Mark::HandlerAdded);
        let cause = |overrides: &Overrides| overrides.rare().handler.as_ref()?.cause.clone();
        asked.then(|| self.read(cause)).flatten()
    }

    /// The status of a failure without an answer of its own, if a rule gives one: those of the route are asked first.
    #[cfg(feature = "axum")]
    pub(crate) fn status_of_failure(
        &self,
        error: &(dyn Error + 'static),
        told: Option<ErrorCategory>,
    ) -> Option<StatusCode> {
        let (of_route, of_layer, by_handler) = self.read(|overrides| {
            let RareOverrides {
                route_rules,
                answer_rules,
                handler,
                ..
            } = overrides.rare();
            let by_handler = handler.as_ref().and_then(|handler| handler.category);
            (route_rules.clone(), answer_rules.clone(), by_handler)
        });
        let is_malformed = self.marks().has(Mark::BodyMalformed);
        let mut all = of_route.iter().chain(&of_layer);
        all.find_map(|rules| rules.status_of(error, told.or(by_handler), is_malformed))
    }

    /// Keeps the text of a failed gRPC status that stands in headers or trailers, if a layer reports failures.
    pub(crate) fn note_grpc_message(&self, code: Option<Code>, headers: &HeaderMap) {
        self.keep_grpc_message(code, || Some(headers.get("grpc-message")?.as_bytes()));
    }

    /// As [`note_grpc_message`](Self::note_grpc_message), with the text as it is on the wire.
    pub(crate) fn keep_grpc_message<'m>(
        &self,
        code: Option<Code>,
        message: impl FnOnce() -> Option<&'m [u8]>,
    ) {
        let wanted = code.is_some_and(Code::is_failure) && self.needs().contains(Needs::LINKS);
        if let Some(message) = wanted.then(message).flatten().and_then(grpc::message) {
            self.add(|handler| _ = handler.grpc_message.get_or_insert(message));
        }
    }

    /// Registers the outermost layer, before the exchange is shared. It is active for all its kinds.
    #[inline(always)]
    pub(crate) fn claim_early(&mut self, kinds: LayerKinds, needs: Needs) {
        *self.claimed_and_needed.get_mut() = claim(kinds, needs);
    }

    /// Registers a layer further in. Returns the kinds for which it is the outermost layer: they are active.
    pub(crate) fn claim(&self, kinds: LayerKinds, needs: Needs) -> LayerKinds {
        let claim = claim(kinds, needs);
        let before = self.claimed_and_needed.fetch_or(claim, Ordering::Relaxed);
        LayerKinds(kinds.0 & !(before as u16))
    }

    /// What the layers that have seen the request need.
    pub(crate) fn needs(&self) -> Needs {
        Needs((self.claimed_and_needed.load(Ordering::Relaxed) >> u16::BITS) as u16)
    }

    fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    fn late(&self) -> &LateStart {
        self.rare().late.get_or_init(Box::default)
    }

    /// What layers further in made, if they made anything.
    fn known_late(&self) -> Option<&LateStart> {
        self.rare.get()?.late.get().map(|late| &**late)
    }

    #[inline(always)]
    fn lock(&self) -> MutexGuard<'_, Overrides> {
        self.overrides
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const fn claim(kinds: LayerKinds, needs: Needs) -> u32 {
    kinds.0 as u32 | (needs.0 as u32) << u16::BITS
}

/// The target of the request before any router took a prefix from it.
#[inline(always)]
pub(crate) fn received(uri: &Uri, extensions: &Extensions) -> Option<PathAndQuery> {
    match router::original_target(extensions) {
        Some(target) => target,
        None => uri.path_and_query().cloned(),
    }
}
