//! Writes one event per request.
//!
//! # When it speaks
//!
//! Once, when the request has ended, through `tracing` with target `tower_vitals`: at `INFO` for the severities `normal` and
//! `slow` and for a request that was cancelled, at `WARN` for `warning`, at `ERROR` for `critical`. An excluded request that
//! panicked or failed has an `ERROR` event too; otherwise none.
//!
//! | field | |
//! | --- | --- |
//! | `request_id` | where a [`RequestIdLayer`](crate::RequestIdLayer) stands further out |
//! | `method`, `endpoint`, `status`, `outcome`, `severity` | as in the metrics; no `severity` where the request was cancelled |
//! | `path` | as received without its query; what is not printable is escaped, and what is beyond 256 bytes cut |
//! | `head_ms` | milliseconds to the head of the response; for a request without one, to its end |
//! | `total_ms` | milliseconds to the end of the response |
//! | `bytes` | of the response's body, without framing |
//! | `length_mismatch` | `true` where the body had not the length that its head declared |
//! | `grpc_status` | the number, where it was a gRPC call |
//! | `category` | of a request that failed: see [`category`] |
//! | `cause` | of a request that failed: the error and its causes, where a layer could see them; 1,024 bytes at most |
//! | `user`, `tenant`, `tags` | what the handler said with [`RequestContext`](crate::RequestContext); tags as `key=value key=value` |
//!
//! Text that a client wrote is always a string value, never formatted: no subscriber can be made to write a second line.
//! A subscriber that panics, or logs from within itself, costs the event and counts in `vitals_dropped_total{sink="log"}`.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tower_layer::Layer;

#[cfg(feature = "health")]
use crate::health::{CheckReport, Role, Status};
use crate::{
    category::{self, ErrorCategory},
    exchange::{self, Exchange, LayerKinds, Outcome},
    exclude::Patterns,
    facts::request_context::HandlerContext,
    facts::route::Endpoint,
    metrics::{Metrics, Sink, StatusLabel},
    observe::{Engine, Facts, Observed, Observer},
    text::{millis, printable_path},
    timing::{self, Severity},
};

/// Writes one event per request.
///
/// See the [module docs](self) for its fields.
#[derive(Clone, Debug)]
pub struct LogLayer {
    engine: Arc<Engine<AccessLogObserver>>,
}

/// The observer behind [`LogLayer`].
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLogObserver {
    /// Where lost events are counted; the process's counters if none are named.
    pub(crate) metrics: Option<Metrics>,
}

// === impl LogLayer ===

impl LogLayer {
    /// A layer that writes to whatever `tracing` subscriber the application has.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// Where events that could not be written are counted. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.metrics = Some(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }
}

impl Default for LogLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl Log ===

impl Observer for AccessLogObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::LOG
    }

    fn end(&self, _: LayerKinds, exchange: &Arc<Exchange>, facts: &Facts) {
        counted(self.metrics.as_ref(), || write(exchange, facts));
    }

    fn passed_by(&self, _: LayerKinds, suspect: Option<(&Arc<Exchange>, &Facts)>) {
        if let Some((exchange, facts)) = suspect
            && matches!(
                facts.outcome,
                Outcome::Panicked | Outcome::Error | Outcome::BodyError
            )
        {
            counted(self.metrics.as_ref(), || write(exchange, facts));
        }
    }
}

/// Says once that the labels have run out.
pub(crate) fn warn_of_overflow(metrics: &Metrics) {
    counted(Some(metrics), || {
        tracing::warn!(
            target: "tower_vitals",
            "more distinct endpoints than the cap: the rest is counted under \"overflow\""
        );
    });
}

/// Says once that a request has no answer yet.
pub(crate) fn still_running(metrics: &Metrics, exchange: &Exchange) {
    counted(Some(metrics), || {
        let endpoint = exchange.overrides().endpoint;
        tracing::warn!(
            target: "tower_vitals",
            request_id = exchange.id(),
            method = exchange.method(),
            path = &*printable_path(exchange.path()),
            endpoint = Endpoint::name(endpoint.as_ref()),
            age_ms = millis(exchange.started().elapsed()),
            "still running"
        );
    });
}

/// Says that a check has changed; its error is for those who read the log.
#[cfg(feature = "health")]
pub(crate) fn health(report: &CheckReport, from: Status, to: Status) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                tracing::Level::$level,
                check = &*report.name,
                from = from.as_str(),
                to = to.as_str(),
                error = report.error.as_deref(),
                latency_ms = millis(report.latency),
                "health"
            )
        };
    }
    // Nobody waits for this event: what a subscriber does wrong ends here.
    guarded(|| match (to, report.role) {
        (Status::Healthy, _) => event!(INFO),
        (Status::Unhealthy, Role::Critical) => event!(ERROR),
        _ => event!(WARN),
    });
}

/// The texts of an error and its causes, in printable characters, 1,024 bytes at most.
#[cfg(feature = "health")]
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    catch_unwind(AssertUnwindSafe(|| category::causes(error))).unwrap_or_default()
}

/// Runs code that calls the subscriber, and counts where it did not write.
fn counted(metrics: Option<&Metrics>, write: impl FnOnce()) {
    if !guarded(write) {
        Metrics::or_global(metrics).dropped(Sink::Log);
    }
}

/// Runs code that calls the subscriber; `false` where it could not run or panicked.
///
/// May run in `Drop`, while unwinding, within a subscriber's own callback, and on a thread that is ending.
fn guarded(write: impl FnOnce()) -> bool {
    thread_local! {
        static WRITING: Cell<bool> = const { Cell::new(false) };
    }
    if !exchange::thread_is_alive() || WRITING.replace(true) {
        return false;
    }
    let written = catch_unwind(AssertUnwindSafe(write)).is_ok();
    WRITING.set(false);
    written
}

fn write(exchange: &Exchange, facts: &Facts) {
    let category = category::judge(facts);
    let evidence = facts.evidence.as_ref().filter(|_| category.is_some());
    let handler = facts.handler.as_deref();
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                tracing::Level::$level,
                request_id = exchange.id(),
                method = exchange.method(),
                path = &*printable_path(exchange.path()),
                endpoint = Endpoint::name(facts.endpoint.as_ref()),
                status = StatusLabel::of(facts).code(),
                outcome = facts.outcome.as_str(),
                severity = timing::severity(facts).map(Severity::as_str),
                head_ms = millis(facts.head),
                total_ms = millis(facts.total),
                bytes = facts.bytes,
                length_mismatch = facts.length_mismatch.then_some(true),
                grpc_status = facts.grpc.as_ref().map(|grpc| grpc.code.number()),
                category = category.map(ErrorCategory::as_str),
                cause = evidence.and_then(|evidence| evidence.text.as_deref()),
                user = handler.and_then(|handler| handler.user.as_deref()),
                tenant = handler.and_then(|handler| handler.tenant.as_deref()),
                tags = handler.and_then(tags).as_deref(),
                "request"
            )
        };
    }
    match timing::severity(facts) {
        None | Some(Severity::Normal | Severity::Slow) => event!(INFO),
        Some(Severity::Warning) => event!(WARN),
        Some(Severity::Critical) => event!(ERROR),
    }
}

fn tags(handler: &HandlerContext) -> Option<String> {
    let each = handler
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let all: Vec<_> = each.collect();
    (!all.is_empty()).then(|| all.join(" "))
}
