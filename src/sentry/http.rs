//! Sends to Sentry with the SDK's transport, with an end to each attempt, and knows what came of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use sentry::{
    Envelope, Transport, TransportOptions,
    protocol::{EnvelopeItem, ItemContainer},
    transports::{RateLimiter, RateLimitingCategory, UreqHttpTransportOptions},
};
use ureq::{
    Agent, Proxy, SendBody,
    middleware::MiddlewareNext,
    tls::{RootCerts, TlsConfig},
};

use super::reachability::{Answer, Reachability};

/// The most time that one attempt to send takes.
pub(super) const ATTEMPT: Duration = Duration::from_secs(10);

/// What all attempts of one client share.
pub(super) struct Shared {
    reachability: Reachability,
    /// An SDK's transport knows only the limits that it was told itself.
    limits: Mutex<RateLimiter>,
}

/// One way to Sentry. It takes one envelope at a time, so that it is certain which of them Sentry took.
pub(super) struct Http {
    inner: Arc<dyn Transport>,
    answer: Arc<Mutex<Option<Answer>>>,
    shared: Arc<Shared>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(options: &TransportOptions) -> Self {
        let dsn = &options.dsn;
        Self {
            reachability: Reachability::new(format!("{}:{}", dsn.host(), dsn.port())),
            limits: Mutex::default(),
        }
    }

    /// Whether Sentry asked not to be sent any item of the envelope now.
    fn holds_back(&self, envelope: &Envelope) -> bool {
        let limits = lock(&self.limits);
        envelope.items().next().is_some()
            && envelope
                .items()
                .all(|item| limits.is_disabled(category(item)).is_some())
    }

    fn read_limits(&self, status: StatusCode, headers: &HeaderMap) {
        let text = |name| headers.get(name)?.to_str().ok();
        // In the order of the SDK.
        if let Some(limits) = text("x-sentry-rate-limits") {
            lock(&self.limits).update_from_sentry_header(limits);
        } else if let Some(after) = text("retry-after") {
            lock(&self.limits).update_from_retry_after(after);
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            lock(&self.limits).update_from_429();
        }
    }
}

// === impl Http ===

impl Http {
    pub(super) fn new(options: TransportOptions, shared: Arc<Shared>) -> Self {
        let answer = Arc::<Mutex<Option<Answer>>>::default();
        let agent = agent(&options, Arc::clone(&answer), Arc::clone(&shared));
        let inner = UreqHttpTransportOptions::from(options).with_agent(agent);
        Self {
            inner: Arc::new(inner.build()),
            answer,
            shared,
        }
    }

    /// Whether Sentry took it.
    pub(super) fn send(&self, envelope: Envelope) -> bool {
        if self.shared.holds_back(&envelope) {
            return false;
        }
        lock(&self.answer).take();
        self.inner.send_envelope(envelope);
        let done = self.inner.flush(ATTEMPT * 2);
        let Some(answer) = lock(&self.answer).take() else {
            return false;
        };
        self.shared.reachability.note(&answer);
        done && answer == Answer::Taken
    }
}

/// A client that notes what comes of each attempt.
fn agent(
    options: &TransportOptions,
    noted: Arc<Mutex<Option<Answer>>>,
    shared: Arc<Shared>,
) -> Agent {
    let proxy = options.https_proxy.as_ref().or(options.http_proxy.as_ref());
    let proxy = proxy.and_then(|proxy| Proxy::new(proxy).ok());
    // The roots of the machine, for a Sentry with a certificate of its own.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .disable_verification(options.accept_invalid_certs);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(ATTEMPT))
        .max_redirects(0)
        .proxy(proxy.or_else(Proxy::try_from_env))
        .middleware(
            move |request: http::Request<SendBody<'_>>, next: MiddlewareNext<'_>| {
                let response = next.handle(request);
                let answer = match &response {
                    Ok(response) => {
                        shared.read_limits(response.status(), response.headers());
                        match response.status() {
                            status if status.is_success() => Answer::Taken,
                            StatusCode::TOO_MANY_REQUESTS => Answer::Limited,
                            status => Answer::Refused(status.as_u16()),
                        }
                    }
                    Err(error) => Answer::Unreachable(error.to_string()),
                };
                *lock(&noted) = Some(answer);
                response
            },
        );
    config.build().new_agent()
}

/// The category by which Sentry limits an item. It is the SDK's.
fn category(item: &EnvelopeItem) -> RateLimitingCategory {
    match item {
        EnvelopeItem::Event(_) => RateLimitingCategory::Error,
        EnvelopeItem::SessionUpdate(_) | EnvelopeItem::SessionAggregates(_) => {
            RateLimitingCategory::Session
        }
        EnvelopeItem::Transaction(_) => RateLimitingCategory::Transaction,
        EnvelopeItem::Attachment(_) => RateLimitingCategory::Attachment,
        EnvelopeItem::ItemContainer(ItemContainer::Logs(_)) => RateLimitingCategory::LogItem,
        EnvelopeItem::ItemContainer(ItemContainer::Metrics(_)) => RateLimitingCategory::TraceMetric,
        _ => RateLimitingCategory::Any,
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
