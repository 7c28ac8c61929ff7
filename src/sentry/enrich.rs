//! Adds what is known of the current exchange to every event that is captured.

use std::{cell::Cell, mem, sync::Arc};

use sentry::{
    ClientOptions, Integration, Level,
    protocol::{Context, Event, TraceContext, TraceId, User},
};

use super::{
    event::{LONGEST_KEY, LONGEST_VALUE, cut, set_fingerprint, tag},
    shown_request,
};
use crate::{
    exchange::Exchange,
    facts::{
        category::ErrorCategory,
        report_policy::ReportPolicy,
        route::Endpoint,
        sentry_data::{Reported, SentryData},
        severity::Severity,
    },
    metrics::Sink,
    report::{notice::FINGERPRINT, rate_limit::RateLimit},
};

thread_local! {
    static UNOBSERVED_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Adds what is known of the current exchange to every event of a client.
#[derive(Clone)]
pub(super) struct Enrich {
    /// Panics are captured by the SDK's panic hook. The same limit holds for them.
    pub(super) limit: Arc<RateLimit>,
    /// How many reports of a panic are sent in a minute, unless the route sets it.
    pub(super) per_minute: u32,
}

// === impl Enrich ===

impl Default for Enrich {
    fn default() -> Self {
        Self {
            limit: Arc::new(RateLimit::new(Sink::SentryFlood, None)),
            per_minute: ReportPolicy::new().per_minute,
        }
    }
}

impl Enrich {
    /// The event with what is known of the current exchange. `None` if the event is over its limit.
    pub(super) fn event(&self, mut event: Event<'static>) -> Option<Event<'static>> {
        let first = event.fingerprint.first();
        if first.is_some_and(|first| first == FINGERPRINT) {
            // An event of this crate is complete.
            return Some(event);
        }
        let panic = is_panic(&event);
        let exchange = Exchange::current();
        let observed = exchange
            .as_ref()
            .and_then(|exchange| Some((exchange, exchange.sentry.get()?)));
        match observed {
            Some((exchange, sentry)) => {
                if panic {
                    sentry.mark(Reported::Panic);
                    self.panicked(&mut event, exchange)?;
                }
                add_exchange(&mut event, exchange, sentry);
            }
            None if panic => UNOBSERVED_PANIC.set(true),
            None => {}
        }
        cut_tags(&mut event);
        Some(event)
    }

    /// Turns the SDK's event of a panic into one of this crate. `None` if it is over its limit.
    fn panicked(&self, event: &mut Event<'static>, exchange: &Exchange) -> Option<()> {
        let overrides = exchange.overrides();
        let endpoint = Endpoint::name(overrides.endpoint.as_ref());
        let category = ErrorCategory::ServerError.as_str();
        let fingerprint = [
            FINGERPRINT,
            exchange.method(),
            endpoint,
            category,
            "panicked",
        ];
        let per_minute = overrides
            .report_policy
            .map_or(self.per_minute, |policy| policy.per_minute);
        let suppressed = self.limit.admit(&fingerprint, per_minute)?;
        set_fingerprint(event, &fingerprint, suppressed);
        // The SDK reports a panic as fatal: it expects that the process ends.
        event.level = Level::Error;
        // A panic is critical, however early it came.
        tag(event, "severity", Some(Severity::Critical.as_str()));
        tag(event, "error_category", Some(category));
        Some(())
    }
}

impl Integration for Enrich {
    fn name(&self) -> &'static str {
        "tower-vitals"
    }

    fn process_event(&self, event: Event<'static>, _: &ClientOptions) -> Option<Event<'static>> {
        // A log event of this crate became an event. What it says is reported by this crate itself.
        let ours = event
            .logger
            .as_deref()
            .is_some_and(|logger| logger.split("::").next() == Some("tower_vitals"));
        if ours { None } else { self.event(event) }
    }
}

/// Adds what is known of an exchange to an event. What the event has already stays.
pub(super) fn add_exchange(event: &mut Event<'static>, exchange: &Exchange, sentry: &SentryData) {
    let overrides = exchange.overrides();
    let endpoint = Endpoint::name(overrides.endpoint.as_ref());
    let severity = overrides
        .bands
        .unwrap_or_default()
        .severity(exchange.started().elapsed());
    let handler = overrides.handler.as_deref();
    let evidence = overrides.evidence.as_ref();
    let by_type = evidence.and_then(|evidence| evidence.by_type);
    let category = handler.and_then(|handler| handler.category).or(by_type);
    tag(event, "request_id", exchange.id());
    tag(event, "endpoint", Some(endpoint));
    tag(event, "method", Some(exchange.method()));
    tag(event, "severity", Some(severity.as_str()));
    tag(event, "error_category", category.map(ErrorCategory::as_str));
    if let Some(handler) = handler {
        tag(event, "tenant_id", handler.tenant.as_deref());
        for (key, value) in &handler.tags {
            tag(event, key, Some(value));
        }
        if let Some(user) = handler.user.as_deref() {
            event.user.get_or_insert_with(|| User {
                id: Some(user.into()),
                ..User::default()
            });
        }
    }
    event.transaction.get_or_insert_with(|| endpoint.into());
    event
        .request
        .get_or_insert_with(|| shown_request::of(exchange, sentry));
    if sentry.transaction.is_none() {
        // The hub was made from one that other requests share, so its trace is not this request's.
        let trace = TraceContext {
            trace_id: *sentry.trace.get_or_init(TraceId::default),
            ..TraceContext::default()
        };
        event
            .contexts
            .insert("trace".into(), Context::Trace(Box::new(trace)));
    }
}

/// Cuts keys and values of tags that Sentry would refuse.
fn cut_tags(event: &mut Event<'static>) {
    for (_, value) in event.tags.iter_mut() {
        cut(value, LONGEST_VALUE);
    }
    if event.tags.keys().any(|key| key.len() > LONGEST_KEY) {
        event.tags = mem::take(&mut event.tags)
            .into_iter()
            .map(|(mut key, value)| {
                cut(&mut key, LONGEST_KEY);
                (key, value)
            })
            .collect();
    }
}

fn is_panic(event: &Event<'_>) -> bool {
    event.exception.iter().any(|exception| {
        let mechanism = exception.mechanism.as_ref();
        mechanism.is_some_and(|mechanism| mechanism.ty == "panic")
    })
}

/// Whether the SDK captured a panic on this thread that belongs to no observed exchange. Resets it.
pub(super) fn take_unobserved_panic() -> bool {
    UNOBSERVED_PANIC.replace(false)
}
