//! Reports requests that went wrong to Sentry, each kind of incident at a limited rate.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use http::response;
use sentry::{Client, Hub, Level, protocol::Event};
use tokio::time::Instant;

use super::{
    base::Base,
    enrich::{self, Enrich},
    event, passed, shown_request, transaction,
};
use crate::{
    facts::{
        Facts,
        category::ErrorCategory,
        evidence::Needs,
        exchange::{Exchange, Outcome, Start},
        grpc::Code,
        judge,
        layer_kinds::LayerKinds,
        overrides::Overrides,
        report_policy::ReportPolicy,
        route::Endpoint,
        rules::Rules,
        sentry_data::{ForkedHub, Reported, SentryData, thread_has_hub},
    },
    metrics::{Metrics, Sink},
    observe::{ErrorRules, Observer, ObserverContext, RequestHead, StartContext},
    report::{
        error_types::ErrorTypes,
        incident::{Incident, IncidentKind, Reason},
        rate_limit::RateLimit,
    },
};

/// The observer behind [`SentryScopeLayer`](super::SentryScopeLayer). One that is off claims no kind and reports nothing.
#[derive(Clone)]
pub(crate) struct SentryObserver {
    pub(super) on: bool,
    /// The client of this crate. The client that the application has bound if `None`.
    pub(super) client: Option<Arc<Client>>,
    policy: Arc<ReportPolicy>,
    pub(super) transactions: bool,
    pub(super) base: Base,
    /// Requests begin with the scope of the current hub.
    pub(super) inherits_hub: bool,
    /// Events show the address of the client.
    pub(super) shows_client: bool,
    metrics: Option<Metrics>,
    pub(super) enrich: Enrich,
    /// The types of errors that fingerprints name.
    types: Arc<ErrorTypes>,
}

// === impl SentryObserver ===

impl SentryObserver {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            client: None,
            policy: Arc::new(ReportPolicy::new()),
            transactions: false,
            base: Base::default(),
            inherits_hub: false,
            shows_client: false,
            metrics: None,
            enrich: Enrich::default(),
            types: Arc::default(),
        }
    }

    pub(super) fn set_policy(&mut self, policy: ReportPolicy) {
        self.enrich.policy = policy;
        self.policy = Arc::new(policy);
    }

    /// Sets where drops are counted.
    pub(super) fn set_metrics(&mut self, metrics: Metrics) {
        let limit = RateLimit::new(Sink::SentryFlood, Some(metrics.clone()));
        self.enrich.limit = Arc::new(limit);
        self.metrics = Some(metrics);
    }

    /// Takes a permit for an event outside of requests. `false` if it is over its limit.
    pub(super) fn admits(&self, event: &Event<'_>) -> bool {
        let fingerprint: Vec<_> = event.fingerprint.iter().map(|part| &**part).collect();
        let per_minute = self.policy.per_minute;
        self.enrich.limit.admit(&fingerprint, per_minute).is_some()
    }

    /// Reports that a request has no response yet, once.
    pub(crate) fn stuck(&self, exchange: &Exchange) {
        let sentry = exchange.sentry().filter(|_| self.on);
        let Some(sentry) = sentry.filter(|sentry| sentry.mark(Reported::Stuck)) else {
            return;
        };
        let overrides = exchange.overrides();
        let policy = overrides.rare().report_policy.as_ref();
        let incident = Incident {
            method: exchange.method(),
            endpoint: Endpoint::name(overrides.endpoint.as_ref()),
            kind: IncidentKind::Stuck,
            category: Some(ErrorCategory::Timeout),
            reason: Reason::default(),
            per_minute: policy.unwrap_or(&self.policy).per_minute,
        };
        self.guarded(true, || {
            self.capture(&incident, &sentry.hub, || {
                let mut event = Event {
                    level: Level::Warning,
                    ..Event::default()
                };
                enrich::add_exchange(&mut event, exchange, sentry);
                (event, "no answer yet".into())
            });
        });
    }

    /// Reports an exchange that has ended, unless that was told already.
    pub(super) fn report(
        &self,
        exchange: &Exchange,
        facts: &Facts,
        sentry: &SentryData,
        kind: IncidentKind,
    ) {
        let told = match kind {
            IncidentKind::Panicked => sentry.was_reported(Reported::Panic),
            // A panic that the SDK has captured can become a 500. A cause of its own is another reason.
            IncidentKind::Failed => sentry.was_reported(Reported::Panic) && is_of_panic(facts),
            IncidentKind::Slow | IncidentKind::VerySlow | IncidentKind::Stuck => {
                sentry.was_reported(Reported::Stuck)
            }
        };
        let told = told || (kind == IncidentKind::Failed && was_told_by_handler(facts, sentry));
        if told {
            return;
        }
        let policy = facts.report_policy.as_ref().unwrap_or(&self.policy);
        let incident = Incident::of(exchange, facts, kind, policy);
        self.capture(&incident, &sentry.hub, || {
            let (mut event, words) = event::of_incident(facts, &incident);
            enrich::add_exchange(&mut event, exchange, sentry);
            (event, words)
        });
    }

    /// Makes an event and captures it, unless the incident is over its limit.
    fn capture(
        &self,
        incident: &Incident<'_>,
        hub: &Hub,
        event: impl FnOnce() -> (Event<'static>, String),
    ) {
        let fingerprint = incident.fingerprint(&self.types);
        let Some(suppressed) = self.enrich.limit.admit(&fingerprint, incident.per_minute) else {
            return;
        };
        let (mut event, words) = event();
        event::set_fingerprint(&mut event, &fingerprint, suppressed);
        // The text of a gRPC status does not say which one it is.
        if event.exception.is_empty() || incident.reason.grpc.is_some() {
            let Incident {
                method, endpoint, ..
            } = incident;
            let slow = match incident.kind {
                IncidentKind::Slow | IncidentKind::VerySlow => "slow: ",
                _ => "",
            };
            event.message = Some(format!("{slow}{method} {endpoint} {words}"));
        }
        hub.capture_event(event);
    }

    /// Runs code of the SDK and of its hooks. Counts a drop if that panics, or if the thread-locals can be gone. `alive`: the
    /// thread is surely not ending.
    pub(super) fn guarded(&self, alive: bool, report: impl FnOnce()) {
        // While a panic unwinds, the thread-locals are still there.
        let alive = thread_has_hub(alive || thread::panicking());
        if !alive || catch_unwind(AssertUnwindSafe(report)).is_err() {
            Metrics::note_dropped(self.metrics.as_ref(), Sink::Sentry);
        }
    }
}

impl Observer for SentryObserver {
    fn kinds(&self) -> LayerKinds {
        if self.on {
            LayerKinds::SENTRY
        } else {
            LayerKinds::NONE
        }
    }

    fn needs(&self) -> Needs {
        if self.on { Needs::LINKS } else { Needs::NONE }
    }

    /// The built-in rules, if a client is bound. Without one, nothing is reported.
    fn rules(&self, cx: &ObserverContext<'_>) -> Option<ErrorRules<'_>> {
        let sentry = cx.exchange.sentry();
        sentry.map(|_| ErrorRules::BuiltIn(Rules::built_in()))
    }

    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        if self.on && !active.overlaps(self.kinds()) {
            overrides.rare_mut().report_policy = Some(Arc::clone(&self.policy));
        }
    }

    fn request(&self, cx: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {
        start.sentry = SentryData::for_request(self, request, cx.started);
        let Some(sentry) = &mut start.sentry else {
            return;
        };
        shown_request::keep(request, &mut start.texts);
        if self.transactions {
            let trace = start.trace.as_deref();
            let transaction = transaction::begin(sentry, &start.texts, request.headers(), trace);
            sentry.transaction = Some(Box::new(transaction));
        }
    }

    fn hub_of_excluded(&self, active: LayerKinds, started: Instant) -> Option<ForkedHub> {
        let is_active = self.is_active(active);
        is_active.then(|| self.hub_of_its_own(started)).flatten()
    }

    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {
        if response.status.is_server_error() && cx.exchange.sentry().is_some() {
            passed::note();
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        let exchange = cx.exchange;
        let Some(sentry) = exchange.sentry() else {
            return;
        };
        passed_on(facts, sentry);
        let policy = facts.report_policy.as_ref().unwrap_or(&self.policy);
        let kind = IncidentKind::of(facts, policy);
        // What ends after its transaction is lost, and Sentry's own layer makes a part of it of the span.
        let transaction = sentry.transaction().filter(|_| !cx.in_span);
        if kind.is_none() && transaction.is_none() {
            return;
        }
        self.guarded(ended_in_poll(facts.outcome), || {
            if let Some(transaction) = transaction {
                transaction::finish(transaction, exchange, facts, sentry);
            }
            if let Some(kind) = kind {
                self.report(exchange, facts, sentry, kind);
            }
        });
    }

    fn span_closed(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        if let Some(sentry) = cx.exchange.sentry()
            && let Some(transaction) = sentry.transaction()
        {
            self.guarded(ended_in_poll(facts.outcome), || {
                transaction::finish(transaction, cx.exchange, facts, sentry);
            });
        }
    }

    /// Reports a panic, an `Err` or a body error on an excluded path, and a 5xx if the policy includes it. The report does not
    /// show the path.
    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        let Some(facts) = failure else {
            return;
        };
        let sentry = cx.exchange.sentry();
        let kind = match outcome {
            Outcome::Panicked if enrich::take_unobserved_panic() => return,
            // The SDK has captured it for the exchange, before it was known that the route is not observed.
            Outcome::Panicked
                if sentry.is_some_and(|sentry| sentry.was_reported(Reported::Panic)) =>
            {
                return;
            }
            Outcome::Panicked => IncidentKind::Panicked,
            Outcome::Error | Outcome::BodyError => IncidentKind::Failed,
            _ if self.policy.excluded && judge::is_server_failure(facts) => IncidentKind::Failed,
            _ => return,
        };
        self.guarded(ended_in_poll(facts.outcome), || {
            let hub = self.base.hub(self.client.as_ref());
            let incident = Incident {
                endpoint: "excluded",
                ..Incident::of(cx.exchange, facts, kind, &self.policy)
            };
            self.capture(&incident, &hub, || event::of_incident(facts, &incident));
        });
    }
}

impl fmt::Debug for SentryObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryObserver")
            .field("on", &self.on)
            .field("policy", &self.policy)
            .field("transactions", &self.transactions)
            .finish_non_exhaustive()
    }
}

/// Whether a failure can be what became of a panic: it has no cause, or its cause is a task that panicked.
fn is_of_panic(facts: &Facts) -> bool {
    let evidence = facts.evidence.as_ref();
    evidence.is_none_or(|evidence| evidence.of_panic || evidence.links.types().is_none())
}

/// Notes what layers further out see of an exchange that failed after its head, or without one.
fn passed_on(facts: &Facts, sentry: &SentryData) {
    let failed = || {
        facts
            .grpc
            .as_ref()
            .is_some_and(|grpc| grpc.code != Code::OK)
    };
    match facts.outcome {
        Outcome::Error => passed::note(),
        // Of a body of HTTP, nobody logs that it broke.
        Outcome::Completed | Outcome::BodyError if failed() => passed::note(),
        // It was noted when it was captured.
        Outcome::Panicked => {}
        // The handler has caught it.
        _ if sentry.was_reported(Reported::Panic) => passed::note_caught(),
        _ => {}
    }
}

/// Whether the handler has captured the very error that it then returned.
fn was_told_by_handler(facts: &Facts, sentry: &SentryData) -> bool {
    let evidence = facts.evidence.as_ref();
    let error = evidence.and_then(|evidence| evidence.links.outermost());
    error.is_some_and(|(text, mut kinds)| kinds.any(|kind| sentry.was_told(kind, text)))
}

/// Whether the request ended in a poll, and not in a destructor, which may run when the thread ends.
const fn ended_in_poll(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Completed | Outcome::BodyError | Outcome::Error
    )
}
