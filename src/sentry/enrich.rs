//! Adds what is known of the current exchange to events, and limits the rate of panics.

use std::{cell::Cell, sync::Arc, thread};

use sentry::{
    ClientOptions, Integration, Level,
    protocol::{Event, IpAddress, User},
};
use tokio::task;

use super::{
    duplicates,
    event::{clean_tags, set_fingerprint, tag},
    passed, shown_request, stack, trace,
};
#[cfg(feature = "health")]
use crate::facts::asked_check::AskedCheck;
use crate::{
    facts::{
        category::ErrorCategory,
        exchange::Exchange,
        report_policy::ReportPolicy,
        route::Endpoint,
        sentry_data::{Reported, SentryData},
        severity::Severity,
    },
    metrics::Sink,
    release::Release,
    report::{notice::FINGERPRINT, rate_limit::RateLimit},
};

thread_local! {
    /// The SDK captured a panic on this thread that belongs to no observed exchange.
    static UNOBSERVED_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Adds what is known of the current exchange to the events that the application captures.
#[derive(Clone)]
pub(super) struct Enrich {
    /// The limit of the observer's reports. It also holds for panics, which the panic hook of the SDK captures.
    pub(super) limit: Arc<RateLimit>,
    /// Says how many events of one panic are sent in a minute, unless the policy of a route overrides it.
    pub(super) policy: ReportPolicy,
    /// The name of the service. That of the process if `None`.
    pub(super) service: Option<Arc<str>>,
}

// === impl Enrich ===

impl Default for Enrich {
    fn default() -> Self {
        Self {
            limit: Arc::new(RateLimit::new(Sink::SentryFlood, None)),
            policy: ReportPolicy::new(),
            service: None,
        }
    }
}

impl Enrich {
    /// Enriches an event. `None` drops it: it is over its limit, or is told otherwise. `included` are the crates that the
    /// application counts as its own.
    pub(super) fn event(
        &self,
        mut event: Event<'static>,
        included: &[&str],
    ) -> Option<Event<'static>> {
        clean_tags(&mut event);
        let of_process = || Release::current()?.service.as_ref();
        let service = self.service.as_ref().or_else(of_process);
        tag(&mut event, "service", service.map(|name| &**name));
        let first = event.fingerprint.first();
        if first.is_some_and(|first| first == FINGERPRINT) {
            // An event of this crate is complete.
            return Some(event);
        }
        let panic = is_panic(&event);
        stack::mark_libraries(&mut event, included);
        if panic {
            stack::trim(&mut event);
        }
        let exchange = Exchange::current();
        let observed = exchange
            .as_ref()
            .and_then(|exchange| Some((exchange, exchange.sentry()?)));
        match observed {
            Some((exchange, sentry)) => {
                if panic {
                    // Before the limit: a panic that is suppressed here is not reported at the end of the request.
                    sentry.mark(Reported::Panic);
                    passed::note_panic();
                    self.panicked(&mut event, exchange)?;
                } else if duplicates::repeats_ours(&event, &self.policy_of(exchange)) {
                    return None;
                } else {
                    duplicates::note_error(&event, sentry);
                }
                add_exchange(&mut event, exchange, sentry);
            }
            None if panic => {
                // Before the limit, for the same reason.
                UNOBSERVED_PANIC.set(true);
                self.panicked_outside(&mut event)?;
            }
            None if passed::repeats(&event) => return None,
            None => {}
        }
        Some(event)
    }

    fn policy_of(&self, exchange: &Exchange) -> ReportPolicy {
        let of_route = exchange.read(|overrides| overrides.rare().report_policy.clone());
        of_route.map_or(self.policy, |policy| *policy)
    }

    /// Limits the event of a panic that belongs to no observed exchange, by where it began. `None` if it is over its limit, or
    /// if a notice tells of the health check that panicked.
    fn panicked_outside(&self, event: &mut Event<'static>) -> Option<()> {
        #[cfg(feature = "health")]
        if let Some(check) = AskedCheck::current() {
            if check.has_notice {
                return None;
            }
            tag(event, "check", Some(&check.name));
        }
        if ends_process() {
            return Some(());
        }
        event.level = Level::Error;
        let place = stack::place(event).map(|(_, line)| line);
        let place = place.unwrap_or_else(|| text_without_numbers(event));
        let fingerprint = [FINGERPRINT, "panic", &place];
        let suppressed = self.limit.admit(&fingerprint, self.policy.per_minute)?;
        if suppressed > 0 {
            event.extra.insert("held_back".into(), suppressed.into());
        }
        Some(())
    }

    /// Turns the SDK's event of a panic into one of this crate. `None` if it is over its limit.
    fn panicked(&self, event: &mut Event<'static>, exchange: &Exchange) -> Option<()> {
        let overrides = exchange.overrides();
        let endpoint = Endpoint::name(overrides.endpoint.as_ref());
        let job = overrides.endpoint.as_ref().and_then(Endpoint::job);
        let category = ErrorCategory::ServerError.as_str();
        let function = stack::place(event).map(|(function, _)| function);
        let mut fingerprint = vec![
            FINGERPRINT,
            job.map_or(exchange.method(), |_| "job"),
            endpoint,
            category,
            "panicked",
        ];
        fingerprint.extend(function.as_deref());
        let per_minute = overrides
            .rare()
            .report_policy
            .as_deref()
            .unwrap_or(&self.policy)
            .per_minute;
        let suppressed = self.limit.admit(&fingerprint, per_minute)?;
        set_fingerprint(event, &fingerprint, suppressed);
        // The SDK reports a panic as fatal: it expects that the process ends.
        event.level = Level::Error;
        // A panic of a request is always critical. The first value of a tag stays, so these come before the others.
        if job.is_none() {
            tag(event, "severity", Some(Severity::Critical.as_str()));
        }
        tag(event, "error_category", Some(category));
        Some(())
    }
}

impl Integration for Enrich {
    fn name(&self) -> &'static str {
        "tower-vitals"
    }

    fn process_event(
        &self,
        event: Event<'static>,
        options: &ClientOptions,
    ) -> Option<Event<'static>> {
        // `sentry-tracing` made an event of a log event of this crate. The observer reports the incident itself.
        let ours = event
            .logger
            .as_deref()
            .is_some_and(|logger| logger.split("::").next() == Some("tower_vitals"));
        if ours {
            None
        } else {
            self.event(event, &options.in_app_include)
        }
    }
}

/// Adds what is known of an exchange to an event. Values that the event has stay, except the trace of its hub.
pub(super) fn add_exchange(event: &mut Event<'static>, exchange: &Exchange, sentry: &SentryData) {
    let overrides = exchange.overrides();
    let endpoint = Endpoint::name(overrides.endpoint.as_ref());
    let severity = exchange.severity(&overrides);
    let handler = overrides.rare().handler.as_deref();
    let evidence = overrides.rare().evidence.as_ref();
    let by_type = evidence.and_then(|evidence| evidence.by_type);
    let category = handler.and_then(|handler| handler.category).or(by_type);
    let job = overrides.endpoint.as_ref().and_then(Endpoint::job);
    tag(event, "request_id", exchange.id());
    if job.is_some() {
        tag(event, "job", job);
    } else {
        tag(event, "endpoint", Some(endpoint));
        tag(event, "method", Some(exchange.method()));
        tag(event, "severity", Some(severity.as_str()));
        event
            .request
            .get_or_insert_with(|| shown_request::of(exchange, sentry));
    }
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
    if sentry.shows_client
        && let Some(client) = exchange.logged().and_then(|logged| logged.client)
    {
        let user = event.user.get_or_insert_default();
        user.ip_address.get_or_insert(IpAddress::Exact(client));
    }
    event.transaction.get_or_insert_with(|| endpoint.into());
    trace::name(event, exchange, sentry);
}

/// Whether the panic ends the process: nobody catches it. The code of a task is caught, also on the main thread.
fn ends_process() -> bool {
    let in_main = || thread::current().name() == Some("main") && task::try_id().is_none();
    cfg!(panic = "abort") || in_main()
}

/// The text of a panic up to its first digit: what follows can be different each time.
fn text_without_numbers(event: &Event<'_>) -> String {
    let text = event.exception.iter().find_map(|one| one.value.as_deref());
    let text = text.unwrap_or_default().chars();
    text.take_while(|one| !one.is_numeric()).take(200).collect()
}

/// Whether the panic hook of the SDK made the event.
fn is_panic(event: &Event<'_>) -> bool {
    event.exception.iter().any(|exception| {
        let mechanism = exception.mechanism.as_ref();
        mechanism.is_some_and(|mechanism| mechanism.ty == "panic")
    })
}

/// Whether the SDK captured a panic on this thread that belongs to no observed exchange. Forgets it.
pub(super) fn take_unobserved_panic() -> bool {
    UNOBSERVED_PANIC.replace(false)
}
