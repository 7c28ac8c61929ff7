//! Opens a span around a request, and enters it whenever code of the inner service runs.

use std::{mem, sync::Arc};

use tracing::{Level, Metadata, Span, dispatcher, field, level_filters::LevelFilter};

use crate::{
    emit,
    facts::{
        Facts,
        current::{self, EnterMode, thread_is_alive},
        exchange::Exchange,
        labels::StatusLabel,
        route::Endpoint,
        sentry_data::HubGuard,
        trace_context::otel,
        work::CallOutcome,
    },
};

const TARGET: &str = "tower_vitals";

/// The name of the span of a request.
const NAME: &str = "request";

/// The span of one request, or of one run of a job.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    span: Span,
    /// The route that was known when the span was opened.
    endpoint: Option<Endpoint>,
}

/// Keeps an exchange current on this thread, and its span entered within it.
pub(crate) struct Entered<'a> {
    // Exited first.
    _span: Option<EnteredSpan<'a>>,
    _exchange: current::Entered<'a>,
}

/// What is current while code of the inner service runs, until this is dropped.
pub(super) enum Running<'a> {
    InExchange {
        _entered: Entered<'a>,
    },
    /// The hub of a request that is excluded, if it has one.
    WithHub {
        _hub: Option<HubGuard>,
    },
}

/// A span that is exited when this is dropped.
struct EnteredSpan<'a>(&'a Span);

// === impl RequestSpan ===

impl RequestSpan {
    /// Whether anybody listens.
    pub(crate) fn is_wanted() -> bool {
        dispatcher::has_been_set() && LevelFilter::current() >= Level::INFO
    }

    /// Opens the span in the exchange, so that the subscriber finds it there. `None` if nobody wants it.
    pub(crate) fn open(
        exchange: &Arc<Exchange>,
        lent: &mut Option<Arc<Exchange>>,
        mode: EnterMode,
    ) -> Option<Box<Self>> {
        let _entered = current::Entered::new(exchange, lent, mode);
        let mut opened = None;
        emit::guarded(|| opened = Self::new(exchange));
        opened.map(Box::new)
    }

    fn new(exchange: &Exchange) -> Option<Self> {
        let endpoint = exchange.read(|overrides| overrides.endpoint.clone());
        let span = match endpoint.as_ref().and_then(Endpoint::job) {
            Some(job) => job_span(exchange, job),
            None => new_span(exchange, endpoint.as_ref()),
        };
        if span.is_disabled() {
            return None;
        }
        if let Some(trace) = otel::begin(&span, exchange.trace()) {
            if let Some(sentry) = exchange.sentry() {
                // A subscriber that makes spans of Sentry's shows them when the span is entered.
                span.in_scope(|| sentry.take_ids(&trace));
            }
            exchange.replace_trace(trace);
        }
        if let Some(trace) = exchange.trace() {
            span.record("trace_id", trace.trace_id());
        }
        exchange.note_span(span.clone());
        Some(Self { span, endpoint })
    }

    /// Records that the request has another id, if a layer of this crate has opened the span in which it runs.
    pub(crate) fn show_id(exchange: &Exchange) {
        let Some(span) = exchange.span() else {
            return;
        };
        let is_ours = |of: &Metadata<'_>| of.target() == TARGET && of.name() == NAME;
        if span.metadata().is_some_and(is_ours) {
            emit::guarded(|| _ = span.record("request_id", exchange.id()));
        }
    }

    /// Records what is known at the end of the request.
    pub(super) fn record(&self, exchange: &Exchange, facts: &Facts) {
        emit::guarded(|| {
            self.span.record("status", StatusLabel::of(facts).code());
            let known = self.endpoint.as_ref().map(Endpoint::as_str);
            if let Some(endpoint) = &facts.endpoint
                && known != Some(endpoint.as_str())
            {
                self.span.record("endpoint", endpoint.as_str());
            }
            otel::end(&self.span, exchange.method(), facts);
        });
    }

    /// Records how a run of a job ended.
    pub(crate) fn record_outcome(&self, outcome: CallOutcome) {
        emit::guarded(|| {
            self.span.record("outcome", outcome.as_str());
            if outcome.is_failure() {
                otel::failed(&self.span, outcome.as_str());
            }
        });
    }

    /// Closes the span, unless other code holds it.
    pub(crate) fn close(self) {
        let mut span = Some(self.span);
        if !emit::guarded(|| drop(span.take())) && !thread_is_alive() {
            // The subscriber may need what this thread no longer has.
            mem::forget(span);
        }
    }
}

// === impl Entered ===

impl<'a> Entered<'a> {
    #[inline(always)]
    pub(crate) fn new(
        exchange: &Arc<Exchange>,
        lent: &'a mut Option<Arc<Exchange>>,
        span: Option<&'a RequestSpan>,
        mode: EnterMode,
    ) -> Self {
        let exchange = current::Entered::new(exchange, lent, mode);
        Self {
            _span: span.and_then(|span| EnteredSpan::new(&span.span)),
            _exchange: exchange,
        }
    }
}

// === impl Running ===

impl<'a> Running<'a> {
    #[inline(always)]
    pub(super) const fn in_exchange(exchange: Entered<'a>) -> Self {
        Self::InExchange { _entered: exchange }
    }

    #[inline(always)]
    pub(super) const fn with_hub(hub: Option<HubGuard>) -> Self {
        Self::WithHub { _hub: hub }
    }
}

// === impl EnteredSpan ===

impl<'a> EnteredSpan<'a> {
    /// `None` if the subscriber did not take it.
    fn new(span: &'a Span) -> Option<Self> {
        let enter = || _ = span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
        emit::guarded(enter).then_some(Self(span))
    }
}

impl Drop for EnteredSpan<'_> {
    fn drop(&mut self) {
        emit::guarded(|| {
            _ = self
                .0
                .with_subscriber(|(id, subscriber)| subscriber.exit(id))
        });
    }
}

fn new_span(exchange: &Exchange, endpoint: Option<&Endpoint>) -> Span {
    tracing::info_span!(
        target: TARGET,
        NAME,
        request_id = exchange.id(),
        method = exchange.method(),
        endpoint = endpoint.map(Endpoint::as_str),
        trace_id = field::Empty,
        status = field::Empty,
        otel.kind = otel::KIND,
    )
}

/// It has no parent: a job that a handler awaits is no part of the request.
fn job_span(exchange: &Exchange, job: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "job",
        request_id = exchange.id(),
        job,
        trace_id = field::Empty,
        outcome = field::Empty,
    )
}
