//! Tells Sentry of requests that went wrong: each once, and of one thing that goes wrong a thousand times, a few times.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use http::{request, response};
use sentry::{Client, Hub, Level, protocol::Event};

use super::{
    flood::{self, Flood},
    incident::{Incident, Kind, described},
    reports::Reports,
    scope::{self, Enrich, Scope, Told},
    trace,
};
use crate::{
    category::{CategoryObserver, ErrorCategory},
    exchange::{Exchange, LayerKinds, Outcome, Overrides},
    facts::route::Endpoint,
    metrics::{Metrics, Sink},
    observe::{Facts, Observer},
    timing,
};

/// The observer that keeps a scope and tells.
#[derive(Clone)]
pub(crate) struct SentryObserver {
    pub(super) on: bool,
    /// Ours; the one that the application has bound, if none.
    pub(super) client: Option<Arc<Client>>,
    reports: Reports,
    pub(super) transactions: bool,
    metrics: Option<Metrics>,
    /// Finds the cause of a failure where no layer for categories does.
    categories: CategoryObserver,
    /// With what is told lately.
    pub(super) enrich: Enrich,
}

// === impl Reporter ===

impl SentryObserver {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            client: None,
            reports: Reports::new(),
            transactions: false,
            metrics: None,
            categories: CategoryObserver::default(),
            enrich: Enrich::default(),
        }
    }

    /// SeriesKey requests are told of.
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
        let overrides = exchange.overrides();
        let incident = Incident {
            method: exchange.method(),
            endpoint: Endpoint::name(overrides.endpoint.as_ref()),
            kind: Kind::Stuck,
            category: Some(ErrorCategory::Timeout),
            per_minute: overrides.reports.unwrap_or(self.reports).per_minute,
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

impl Observer for SentryObserver {
    fn kinds(&self) -> LayerKinds {
        if self.on {
            LayerKinds::SENTRY
        } else {
            LayerKinds::NONE
        }
    }

    /// A route's own settings, told to whoever speaks.
    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        if self.on && !active.overlaps(self.kinds()) {
            overrides.reports = Some(self.reports);
        }
    }

    fn request(&self, _: LayerKinds, exchange: &Arc<Exchange>, request: &mut request::Parts) {
        let Some(mut scope) = Scope::new(self.client.as_ref(), request, &self.enrich) else {
            return;
        };
        if self.transactions {
            scope.transaction = Some(trace::begin(&scope.hub, &request.headers));
        }
        // Only one layer speaks, so nobody was here before.
        let _ = exchange.sentry.set(scope);
    }

    fn head(&self, active: LayerKinds, exchange: &Arc<Exchange>, response: &mut response::Parts) {
        if exchange.sentry.get().is_some() && !exchange.is_claimed(LayerKinds::CATEGORY) {
            self.categories.head(active, exchange, response);
        }
    }

    fn error(&self, active: LayerKinds, exchange: &Arc<Exchange>, error: &dyn Any) {
        if exchange.sentry.get().is_some() && !exchange.is_claimed(LayerKinds::CATEGORY) {
            self.categories.error(active, exchange, error);
        }
    }

    fn end(&self, _: LayerKinds, exchange: &Arc<Exchange>, facts: &Facts) {
        let Some(scope) = exchange.sentry.get() else {
            return;
        };
        // The route's own, or those of the layer that speaks.
        let kind = facts.reports.unwrap_or(self.reports).kind(facts);
        if kind.is_some() || scope.transaction.is_some() {
            self.guarded(was_polled(facts.outcome), || {
                if let Some(transaction) = &scope.transaction {
                    trace::finish(transaction, exchange, facts, scope);
                }
                if let Some(kind) = kind {
                    self.report(exchange, facts, scope, kind);
                }
            });
        }
    }

    /// A panic or an `Err` where nobody watches; what the request was, nobody kept.
    fn passed_by(&self, _: LayerKinds, suspect: Option<(&Arc<Exchange>, &Facts)>) {
        let Some((exchange, facts)) = suspect else {
            return;
        };
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

impl fmt::Debug for SentryObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryObserver")
            .field("on", &self.on)
            .field("reports", &self.reports)
            .field("transactions", &self.transactions)
            .finish_non_exhaustive()
    }
}
