//! Tells Sentry of requests that went wrong: each once, and of one thing that goes wrong a thousand times, a few times.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    flood::{self, Flood},
    scope::{self, Enrich, Scope, Told},
};
use crate::{
    category::{self, Categories, ErrorCategory, Link},
    config::ConfigError,
    exchange::{Exchange, Kinds, Outcome},
    metrics::{Metrics, Sink, StatusLabel},
    observe::{Facts, Observer},
    route::{Endpoint, UNMATCHED},
    timing::{self, Severity},
};
use http::{StatusCode, request, response};
use sentry::{
    Client, Hub, Level, TransactionContext,
    protocol::{Context, Event, Exception, Mechanism, ResponseContext, SpanStatus},
};

/// How often one incident is told.
pub(super) const PER_MINUTE: u32 = 10;

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
    pub(super) per_minute: u32,
}

/// The observer that keeps a scope and tells.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(super) on: bool,
    /// Ours; the one that the application has bound, if none.
    pub(super) client: Option<Arc<Client>>,
    reports: Reports,
    pub(super) transactions: bool,
    metrics: Option<Metrics>,
    /// Finds the cause of a failure where no layer for categories does.
    categories: Categories,
    /// With what is told lately.
    pub(super) enrich: Enrich,
}

/// One thing that went wrong with one request, and what it has in common with others that are told as the same.
struct Incident<'a> {
    method: &'static str,
    endpoint: &'a str,
    kind: Kind,
    category: Option<ErrorCategory>,
    per_minute: u32,
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
            per_minute: PER_MINUTE,
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
            enrich: Enrich::default(),
        }
    }

    /// Which requests are told of.
    pub(super) fn tell_of(&mut self, reports: Reports) {
        self.enrich.per_minute = reports.per_minute;
        self.reports = reports;
    }

    /// Counts there what was not told.
    pub(super) fn count_in(&mut self, metrics: Metrics) {
        self.categories.metrics = Some(metrics.clone());
        self.enrich.flood = Arc::new(Flood::counting_in(metrics.clone()));
        self.metrics = Some(metrics);
    }

    pub(super) const fn is_on(&self) -> bool {
        self.on
    }

    /// Whether an event of nobody's request may be told.
    pub(super) fn admits(&self, event: &Event<'_>) -> bool {
        let fingerprint: Vec<_> = event.fingerprint.iter().map(|part| &**part).collect();
        let most = self.reports.per_minute;
        self.enrich.flood.admit(&fingerprint, most).is_some()
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
        let lent = exchange.lent();
        let incident = Incident {
            method: exchange.method(),
            endpoint: Endpoint::name(lent.endpoint.as_ref()),
            kind: Kind::Stuck,
            category: Some(ErrorCategory::Timeout),
            per_minute: lent.reports.unwrap_or(self.reports).per_minute,
        };
        self.guarded(true, || {
            self.tell(&incident, &scope.hub, || {
                let mut event = Event {
                    level: Level::Warning,
                    ..Event::default()
                };
                scope::enrich(&mut event, exchange, scope);
                (event, "no answer yet".into())
            });
        });
    }

    fn report(&self, exchange: &Exchange, facts: &Facts, scope: &Scope, kind: Kind) {
        let told = match kind {
            Kind::Failed | Kind::Panicked => scope.was_told(Told::Panic),
            Kind::Slow(_) | Kind::Stuck => scope.was_told(Told::Stuck),
        };
        if told {
            return;
        }
        let reports = facts.reports.as_ref().unwrap_or(&self.reports);
        let incident = Incident::of(exchange, facts, kind, reports);
        self.tell(&incident, &scope.hub, || {
            let (mut event, what) = described(facts, &incident);
            event.request = Some(scope.request(exchange));
            scope::enrich(&mut event, exchange, scope);
            (event, what)
        });
    }

    /// Makes and captures an event, unless the same was told often enough.
    fn tell(
        &self,
        incident: &Incident<'_>,
        hub: &Hub,
        event: impl FnOnce() -> (Event<'static>, String),
    ) {
        let fingerprint = incident.fingerprint();
        let Some(held_back) = self.enrich.flood.admit(&fingerprint, incident.per_minute) else {
            return;
        };
        let (mut event, what) = event();
        flood::stamp(&mut event, &fingerprint, held_back);
        if event.exception.is_empty() {
            let Incident {
                method, endpoint, ..
            } = incident;
            let slow = if matches!(incident.kind, Kind::Slow(_)) {
                "slow: "
            } else {
                ""
            };
            event.message = Some(format!("{slow}{method} {endpoint} {what}"));
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
        let Some(mut scope) = Scope::new(self.client.as_ref(), request, &self.enrich) else {
            return;
        };
        if self.transactions {
            let headers = request.headers.iter();
            let headers =
                headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let context =
                TransactionContext::continue_from_headers(UNMATCHED, "http.server", headers);
            let transaction = scope.hub.start_transaction(context);
            scope
                .hub
                .configure_scope(|scope| scope.set_span(Some(transaction.clone().into())));
            scope.transaction = Some(transaction);
        }
        // Only one layer speaks, so nobody was here before.
        let _ = exchange.sentry.set(scope);
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
                if let Some(transaction) = &scope.transaction {
                    finish(transaction, exchange, facts, scope);
                }
                if let Some(kind) = kind {
                    self.report(exchange, facts, scope, kind);
                }
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
            let incident = Incident {
                endpoint: "excluded",
                ..Incident::of(exchange, facts, kind, &self.reports)
            };
            self.tell(&incident, &hub, || described(facts, &incident));
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

// === impl Incident ===

impl<'a> Incident<'a> {
    fn of(exchange: &Exchange, facts: &'a Facts, kind: Kind, reports: &Reports) -> Self {
        Self {
            method: exchange.method(),
            endpoint: Endpoint::name(facts.endpoint.as_ref()),
            kind,
            category: category::judge(facts),
            per_minute: reports.per_minute,
        }
    }

    fn fingerprint(&self) -> [&'a str; 5] {
        let category = self.category.map_or("none", ErrorCategory::as_str);
        [
            scope::OURS,
            self.method,
            self.endpoint,
            category,
            self.kind.as_str(),
        ]
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

/// An event that says how a request ended, and the words for it where there is no error to show.
fn described(facts: &Facts, incident: &Incident<'_>) -> (Event<'static>, String) {
    let mut event = Event {
        level: match incident.kind {
            Kind::Slow(level) => level,
            _ => Level::Error,
        },
        transaction: Some(incident.endpoint.into()),
        ..Event::default()
    };
    let evidence = facts
        .evidence
        .as_ref()
        .filter(|_| incident.kind == Kind::Failed);
    // The innermost first.
    let links = evidence
        .into_iter()
        .flat_map(|evidence| evidence.chain.iter().rev());
    event.exception = links.map(exception).collect::<Vec<_>>().into();
    scope::tag(&mut event, "endpoint", Some(incident.endpoint));
    scope::tag(
        &mut event,
        "severity",
        timing::severity(facts).map(Severity::as_str),
    );
    scope::tag(
        &mut event,
        "error_category",
        incident.category.map(ErrorCategory::as_str),
    );
    let millis = |duration: Duration| (duration.as_micros() as f64 / 1e3).into();
    event
        .extra
        .insert("outcome".into(), facts.outcome.as_str().into());
    event.extra.insert("head_ms".into(), millis(facts.head));
    event.extra.insert("total_ms".into(), millis(facts.total));
    if let Some(status) = facts.status {
        let response = ResponseContext {
            status_code: Some(status.as_u16().into()),
            ..ResponseContext::default()
        };
        event
            .contexts
            .insert("response".into(), Context::Response(Box::new(response)));
    }
    let what = match facts.outcome {
        Outcome::Completed | Outcome::Aborted => format!("answered {}", StatusLabel::of(facts)),
        outcome => outcome.as_str().replace('_', " "),
    };
    (event, what)
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
fn finish(transaction: &sentry::Transaction, exchange: &Exchange, facts: &Facts, scope: &Scope) {
    let category = category::judge(facts);
    transaction.set_name(Endpoint::name(facts.endpoint.as_ref()));
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
