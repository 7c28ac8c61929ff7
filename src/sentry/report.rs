//! Tells Sentry of requests that went wrong: each once, and of one thing that goes wrong a thousand times, a few times.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use http::{StatusCode, request, response};
use sentry::{
    Client, Hub, Level, TransactionContext,
    protocol::{Context, Event, Exception, Mechanism, ResponseContext, SpanStatus},
};
use tokio::time::Instant;

use super::scope::{self, Scope, Told};
use crate::{
    category::{self, Categories, ErrorCategory, Link},
    config::ConfigError,
    exchange::{Exchange, Kinds, Outcome},
    metrics::{Metrics, Sink, StatusLabel},
    observe::{Facts, Observer},
    timing::{self, Severity},
};

/// As long as a flood is looked back upon.
const WINDOW: Duration = Duration::from_secs(60);

/// Endpoints are bounded, and so are the things that can go wrong with each; beyond this, nothing new is told for a while.
const MOST_FINGERPRINTS: usize = 10_000;

/// Which requests Sentry is told of.
///
/// By default: an answer of 500 to 599, a gRPC status that is the server's fault, an `Err` and a panic as errors; an answer after 2 s
/// as a warning, after 5 s as an error. Of one endpoint, category and kind at most 10 a minute; the rest is counted in
/// `vitals_dropped_total{sink="sentry_flood"}`.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::sentry::Reports;
///
/// let reports = Reports::new()
///     .slower_than(Duration::from_secs(1), Duration::from_secs(10))?
///     .statuses(|status| status.is_server_error() || status.as_u16() == 429);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Reports {
    warning: Duration,
    error: Duration,
    statuses: fn(StatusCode) -> bool,
    excluded: bool,
    per_minute: u32,
}

/// The observer that keeps a scope and tells.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(super) on: bool,
    /// Ours; the one that the application has bound, if none.
    pub(super) client: Option<Arc<Client>>,
    pub(super) reports: Reports,
    pub(super) transactions: bool,
    metrics: Option<Metrics>,
    /// Finds the cause of a failure where no layer for categories does.
    categories: Categories,
    flood: Arc<Flood>,
}

/// How often each thing was told lately.
#[derive(Debug, Default)]
struct Flood {
    told: Mutex<HashMap<Vec<String>, Recent>>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    since: Instant,
    told: u32,
    held_back: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Panicked,
    Slow(Level),
    Stuck,
}

// === impl Reports ===

impl Reports {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            warning: Duration::from_secs(2),
            error: Duration::from_secs(5),
            statuses: |status| status.is_server_error(),
            excluded: false,
            per_minute: 10,
        }
    }

    /// An answer after `warning` is a warning, one after `error` an error.
    ///
    /// # Errors
    ///
    /// When `error` is not longer than `warning`.
    pub fn slower_than(mut self, warning: Duration, error: Duration) -> Result<Self, ConfigError> {
        if error <= warning {
            let reason = format!("must be longer than reports.warning ({warning:?})");
            return Err(ConfigError::new(
                "reports.error",
                format!("{error:?}"),
                reason,
            ));
        }
        (self.warning, self.error) = (warning, error);
        Ok(self)
    }

    /// Tells of no request only because it took long.
    #[must_use]
    pub fn not_slow(mut self) -> Self {
        (self.warning, self.error) = (Duration::MAX, Duration::MAX);
        self
    }

    /// Which answers of plain HTTP are errors. Defaults to 500 to 599.
    #[must_use]
    pub fn statuses(mut self, statuses: fn(StatusCode) -> bool) -> Self {
        self.statuses = statuses;
        self
    }

    /// Tells of 5xx on excluded paths as well; of panics and `Err` there it always does.
    #[must_use]
    pub fn excluded_too(mut self) -> Self {
        self.excluded = true;
        self
    }

    /// How often a minute one endpoint, category and kind is told of. Defaults to 10; 0 tells nothing.
    #[must_use]
    pub fn per_minute(mut self, most: u32) -> Self {
        self.per_minute = most;
        self
    }

    fn kind(&self, facts: &Facts) -> Option<Kind> {
        let failed = match (facts.outcome, &facts.grpc, facts.status) {
            (Outcome::Panicked, ..) => return Some(Kind::Panicked),
            (Outcome::Completed | Outcome::Aborted, None, Some(status)) => (self.statuses)(status),
            _ => timing::is_failure(facts),
        };
        match facts.judged {
            _ if failed => Some(Kind::Failed),
            _ if facts.outcome == Outcome::Cancelled => None,
            judged if judged >= self.error => Some(Kind::Slow(Level::Error)),
            judged if judged >= self.warning => Some(Kind::Slow(Level::Warning)),
            _ => None,
        }
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports")
            .field("warning", &self.warning)
            .field("error", &self.error)
            .field("excluded", &self.excluded)
            .field("per_minute", &self.per_minute)
            .finish_non_exhaustive()
    }
}

// === impl Reporter ===

impl Reporter {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            client: None,
            reports: Reports::new(),
            transactions: false,
            metrics: None,
            categories: Categories::default(),
            flood: Arc::default(),
        }
    }

    /// Counts there what was not told.
    pub(super) fn count_in(&mut self, metrics: Metrics) {
        self.categories.metrics = Some(metrics.clone());
        self.metrics = Some(metrics);
    }

    pub(super) const fn is_on(&self) -> bool {
        self.on
    }

    /// Whether an event of nobody's request may be told; counts it if not.
    pub(super) fn admits(&self, event: &Event<'_>) -> bool {
        let fingerprint: Vec<_> = event
            .fingerprint
            .iter()
            .map(|part| part.to_string())
            .collect();
        let admitted = self
            .flood
            .admit(&fingerprint, self.reports.per_minute)
            .is_some();
        if !admitted {
            self.metrics().dropped(Sink::SentryFlood);
        }
        admitted
    }

    /// Tells that a request has no answer yet.
    pub(crate) fn stuck(&self, exchange: &Exchange) {
        let Some(scope) = exchange
            .sentry
            .get()
            .filter(|scope| self.on && scope.tell(Told::Stuck))
        else {
            return;
        };
        self.guarded(true, || {
            let mut event = Event {
                level: Level::Warning,
                ..Event::default()
            };
            scope::enrich(&mut event, exchange, scope);
            let category = ErrorCategory::Timeout;
            self.tell(
                event,
                &scope.hub,
                Kind::Stuck,
                exchange,
                "no answer yet",
                Some(category),
            );
        });
    }

    fn watch(&self, exchange: &Arc<Exchange>, request: &request::Parts) {
        let Some(mut scope) = Scope::new(self.client.as_ref(), request) else {
            return;
        };
        if self.transactions {
            let headers = request.headers.iter();
            let headers =
                headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let context =
                TransactionContext::continue_from_headers("unmatched", "http.server", headers);
            let transaction = scope.hub.start_transaction(context);
            scope
                .hub
                .configure_scope(|scope| scope.set_span(Some(transaction.clone().into())));
            scope.transaction = Some(transaction);
        }
        // Only one layer speaks, so nobody was here before.
        let _ = exchange.sentry.set(scope);
    }

    fn report(&self, exchange: &Exchange, facts: &Facts, scope: &Scope, kind: Option<Kind>) {
        let category = category::judge(facts);
        if let Some(transaction) = &scope.transaction {
            finish(transaction, exchange, facts, category, scope);
        }
        let Some(kind) = kind else {
            return;
        };
        let told = match kind {
            Kind::Failed | Kind::Panicked => scope.was_told(Told::Panic),
            Kind::Slow(_) | Kind::Stuck => scope.was_told(Told::Stuck),
        };
        if !told {
            let mut event = described(facts, kind, category);
            event.request = Some(scope.request(exchange));
            scope::enrich(&mut event, exchange, scope);
            self.send(event, &scope.hub, kind, exchange, facts, category);
        }
    }

    fn send(
        &self,
        event: Event<'static>,
        hub: &Hub,
        kind: Kind,
        exchange: &Exchange,
        facts: &Facts,
        category: Option<ErrorCategory>,
    ) {
        let what = match facts.outcome {
            Outcome::Completed | Outcome::Aborted => format!("answered {}", StatusLabel::of(facts)),
            outcome => outcome.as_str().replace('_', " "),
        };
        self.tell(event, hub, kind, exchange, &what, category);
    }

    /// Captures an event, unless the same was told often enough.
    fn tell(
        &self,
        mut event: Event<'static>,
        hub: &Hub,
        kind: Kind,
        exchange: &Exchange,
        what: &str,
        category: Option<ErrorCategory>,
    ) {
        let reports = exchange.lent().reports.unwrap_or(self.reports);
        let endpoint = event.transaction.clone().unwrap_or_default();
        let category = category.map_or("none", ErrorCategory::as_str);
        let fingerprint = [
            scope::OURS,
            exchange.method(),
            &endpoint,
            category,
            kind.as_str(),
        ]
        .map(str::to_owned);
        match self.flood.admit(&fingerprint, reports.per_minute) {
            Some(0) => {}
            Some(held_back) => _ = event.extra.insert("held_back".into(), held_back.into()),
            None => return self.metrics().dropped(Sink::SentryFlood),
        }
        event.fingerprint = fingerprint.map(Into::into).to_vec().into();
        if event.exception.is_empty() {
            let words = match kind {
                Kind::Slow(_) => "slow: ",
                _ => "",
            };
            event.message = Some(format!("{words}{} {endpoint} {what}", exchange.method()));
        }
        hub.capture_event(event);
    }

    fn metrics(&self) -> &Metrics {
        Metrics::or_global(self.metrics.as_ref())
    }

    /// Runs code of the SDK and of its hooks, or counts where it cannot run or panics; `alive` where the thread surely is.
    fn guarded(&self, alive: bool, report: impl FnOnce()) {
        // A thread that unwinds has not come to its end.
        let alive = scope::thread_has_hub(alive || thread::panicking());
        if !alive || catch_unwind(AssertUnwindSafe(report)).is_err() {
            self.metrics().dropped(Sink::Sentry);
        }
    }
}

/// Whether what was polled told of this end, and not a destructor, which may run when the thread ends.
const fn was_polled(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Completed | Outcome::BodyError | Outcome::Error
    )
}

impl Observer for Reporter {
    fn kinds(&self) -> Kinds {
        if self.on { Kinds::SENTRY } else { Kinds::NONE }
    }

    /// A route's own settings, told to whoever speaks.
    fn lend(&self, speaking: Kinds, exchange: &Exchange) {
        if self.on && !speaking.overlaps(self.kinds()) {
            exchange.lend(|lent| lent.reports = Some(self.reports));
        }
    }

    fn request(&self, _: Kinds, exchange: &Arc<Exchange>, request: &mut request::Parts) {
        self.watch(exchange, request);
    }

    fn head(&self, speaking: Kinds, exchange: &Arc<Exchange>, response: &mut response::Parts) {
        if exchange.sentry.get().is_some() && !exchange.is_claimed(Kinds::CATEGORY) {
            self.categories.head(speaking, exchange, response);
        }
    }

    fn error(&self, speaking: Kinds, exchange: &Arc<Exchange>, error: &dyn Any) {
        if exchange.sentry.get().is_some() && !exchange.is_claimed(Kinds::CATEGORY) {
            self.categories.error(speaking, exchange, error);
        }
    }

    fn end(&self, _: Kinds, exchange: &Arc<Exchange>, facts: &Facts) {
        let Some(scope) = exchange.sentry.get() else {
            return;
        };
        // The route's own, or those of the layer that speaks.
        let kind = facts.reports.unwrap_or(self.reports).kind(facts);
        if kind.is_some() || scope.transaction.is_some() {
            self.guarded(was_polled(facts.outcome), || {
                self.report(exchange, facts, scope, kind);
            });
        }
    }

    /// A panic or an `Err` where nobody watches; what the request was, nobody kept.
    fn passed_by(&self, _: Kinds, exchange: &Arc<Exchange>, facts: &Facts) {
        let kind = match facts.outcome {
            Outcome::Panicked if scope::take_unwatched_panic() => return,
            Outcome::Panicked => Kind::Panicked,
            Outcome::Error | Outcome::BodyError => Kind::Failed,
            _ if self.reports.excluded && timing::is_failure(facts) => Kind::Failed,
            _ => return,
        };
        self.guarded(was_polled(facts.outcome), || {
            let hub = Hub::new_from_top(Hub::main());
            if let Some(client) = &self.client {
                hub.bind_client(Some(Arc::clone(client)));
            }
            let category = category::judge(facts);
            let mut event = described(facts, kind, category);
            event.transaction = Some("excluded".into());
            self.send(event, &hub, kind, exchange, facts, category);
        });
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("on", &self.on)
            .field("reports", &self.reports)
            .field("transactions", &self.transactions)
            .finish_non_exhaustive()
    }
}

// === impl Flood ===

impl Flood {
    /// Whether one more may be told, and how many were not since the last one was.
    fn admit(&self, fingerprint: &[String], most: u32) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST_FINGERPRINTS && !told.contains_key(fingerprint) {
            told.retain(|_, recent| now.duration_since(recent.since) < WINDOW);
            if told.len() >= MOST_FINGERPRINTS {
                return None;
            }
        }
        let recent = told.entry(fingerprint.to_vec()).or_insert(Recent {
            since: now,
            told: 0,
            held_back: 0,
        });
        if now.duration_since(recent.since) >= WINDOW {
            (recent.since, recent.told) = (now, 0);
        }
        if recent.told >= most {
            recent.held_back += 1;
            return None;
        }
        recent.told += 1;
        Some(std::mem::take(&mut recent.held_back))
    }
}

// === impl Kind ===

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Slow(_) => "slow",
            Self::Stuck => "stuck",
        }
    }
}

/// An event that says how a request ended.
fn described(facts: &Facts, kind: Kind, category: Option<ErrorCategory>) -> Event<'static> {
    let mut event = Event {
        level: match kind {
            Kind::Slow(level) => level,
            _ => Level::Error,
        },
        ..Event::default()
    };
    let evidence = facts.evidence.as_ref().filter(|_| kind == Kind::Failed);
    // The innermost first.
    let links = evidence
        .into_iter()
        .flat_map(|evidence| evidence.chain.iter().rev());
    event.exception = links.map(exception).collect::<Vec<_>>().into();
    event.transaction = facts
        .endpoint
        .as_ref()
        .map(|endpoint| endpoint.as_str().into());
    scope::tag(
        &mut event,
        "endpoint",
        Some(
            facts
                .endpoint
                .as_ref()
                .map_or("unmatched", |endpoint| endpoint.as_str()),
        ),
    );
    scope::tag(
        &mut event,
        "severity",
        timing::severity(facts).map(Severity::as_str),
    );
    scope::tag(
        &mut event,
        "error_category",
        category.map(ErrorCategory::as_str),
    );
    event
        .extra
        .insert("outcome".into(), facts.outcome.as_str().into());
    event.extra.insert(
        "head_ms".into(),
        (facts.head.as_micros() as f64 / 1e3).into(),
    );
    event.extra.insert(
        "total_ms".into(),
        (facts.total.as_micros() as f64 / 1e3).into(),
    );
    if let Some(status) = facts.status {
        let response = ResponseContext {
            status_code: Some(status.as_u16().into()),
            ..ResponseContext::default()
        };
        event
            .contexts
            .insert("response".into(), Context::Response(Box::new(response)));
    }
    event
}

fn exception(link: &Link) -> Exception {
    Exception {
        ty: link.kind.to_string(),
        value: Some(link.text.to_string()),
        mechanism: Some(Mechanism {
            ty: "tower-vitals".into(),
            handled: Some(true),
            ..Mechanism::default()
        }),
        ..Exception::default()
    }
}

/// Ends the transaction with the route that is known now, and the status of the true end.
fn finish(
    transaction: &sentry::Transaction,
    exchange: &Exchange,
    facts: &Facts,
    category: Option<ErrorCategory>,
    scope: &Scope,
) {
    transaction.set_name(
        facts
            .endpoint
            .as_ref()
            .map_or("unmatched", |endpoint| endpoint.as_str()),
    );
    transaction.set_status(span_status(facts, category));
    transaction.set_request(scope.request(exchange));
    transaction.set_tag("outcome", facts.outcome.as_str());
    if let Some(id) = exchange.id() {
        transaction.set_tag("request_id", id);
    }
    if let Some(category) = category {
        transaction.set_tag("error_category", category.as_str());
    }
    if let Some(status) = facts.status {
        transaction.set_data("http.response.status_code", status.as_u16().into());
    }
    transaction.clone().finish();
}

fn span_status(facts: &Facts, category: Option<ErrorCategory>) -> SpanStatus {
    match (facts.outcome, category) {
        (Outcome::Cancelled | Outcome::Aborted, None) => SpanStatus::Cancelled,
        (_, None) => SpanStatus::Ok,
        (_, Some(ErrorCategory::Authentication))
            if facts.status == Some(StatusCode::UNAUTHORIZED) =>
        {
            SpanStatus::Unauthenticated
        }
        (_, Some(ErrorCategory::Authentication)) => SpanStatus::PermissionDenied,
        (_, Some(ErrorCategory::Validation)) => SpanStatus::InvalidArgument,
        (_, Some(ErrorCategory::NotFound)) => SpanStatus::NotFound,
        (_, Some(ErrorCategory::Conflict)) => SpanStatus::AlreadyExists,
        (_, Some(ErrorCategory::Timeout)) => SpanStatus::DeadlineExceeded,
        (_, Some(ErrorCategory::RateLimit)) => SpanStatus::ResourceExhausted,
        (_, Some(ErrorCategory::ExternalService)) => SpanStatus::Unavailable,
        (_, Some(ErrorCategory::ServerError | ErrorCategory::Database)) => {
            SpanStatus::InternalError
        }
    }
}
