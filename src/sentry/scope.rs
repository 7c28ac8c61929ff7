//! Keeps each request's Sentry data its own, and adds what is known of it to whatever is captured.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Once, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use http::{HeaderMap, HeaderValue, header, request};
use sentry::{
    Client, ClientOptions, Hub, HubSwitchGuard, Integration, Level,
    protocol::{Context, Event, Request, TraceContext, TraceId, User},
};

use super::{
    flood::{self, Flood},
    reports::PER_MINUTE,
    scrub,
};
use crate::{
    category::ErrorCategory, exchange::Exchange, facts::route::Endpoint, timing::Severity,
};

/// Sentry cuts nothing but refuses: longer keys of tags, in characters.
const LONGEST_KEY: usize = 32;

/// The same for values.
const LONGEST_VALUE: usize = 200;

const KEPT: usize = 4;

/// The headers that events have, in their places; no other is kept.
const HEADERS: [header::HeaderName; KEPT] = [
    header::HOST,
    header::USER_AGENT,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
];

/// The first part of the fingerprint of our own events, to which nothing is to be added.
pub(super) const OURS: &str = "tower-vitals";

/// What Sentry needs of one exchange.
pub(crate) struct Scope {
    pub(super) hub: Arc<Hub>,
    pub(super) transaction: Option<sentry::Transaction>,
    headers: [Option<HeaderValue>; KEPT],
    trace: OnceLock<TraceId>,
    told: AtomicU8,
}

/// What Sentry has been told of an exchange already.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Panic = 1,
    Stuck = 2,
}

/// Adds what is known of the current exchange to every event of a client.
#[derive(Clone)]
pub(super) struct Enrich {
    /// Panics come from the SDK's hook; of them too a few are enough.
    pub(super) flood: Arc<Flood>,
    /// So many a minute, where the route says nothing else.
    pub(super) per_minute: u32,
}

// === impl Scope ===

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl Scope {
    /// A hub for one request, from the current one; `None` where no client is bound, or the thread is ending.
    pub(super) fn new(
        client: Option<&Arc<Client>>,
        request: &request::Parts,
        enrich: &Enrich,
    ) -> Option<Self> {
        if !thread_has_hub(true) {
            return None;
        }
        let current = Hub::current();
        if client.is_none() {
            current.client()?;
        }
        let hub = Hub::new_from_top(current);
        match client {
            Some(client) => hub.bind_client(Some(Arc::clone(client))),
            None => {
                if !hub.with_integration(|_: &Enrich| true) {
                    warn_unguarded();
                    let enrich = enrich.clone();
                    hub.configure_scope(|scope| {
                        scope.add_event_processor(move |event| enrich.event(event))
                    });
                }
            }
        }
        Some(Self {
            hub: Arc::new(hub),
            transaction: None,
            headers: kept(&request.headers),
            trace: OnceLock::new(),
            told: AtomicU8::new(0),
        })
    }

    /// Makes the hub the current one of the thread; `beginning` where the thread surely lives.
    pub(crate) fn bind(&self, beginning: bool) -> Option<HubSwitchGuard> {
        thread_has_hub(beginning).then(|| HubSwitchGuard::new(Arc::clone(&self.hub)))
    }

    /// The same exchange for another task: what that adds is its own.
    pub(crate) fn fork(&self) -> Arc<Hub> {
        Arc::new(Hub::new_from_top(&self.hub))
    }

    /// Notes that Sentry was told; `false` where it had been already.
    pub(super) fn tell(&self, what: Told) -> bool {
        self.told.fetch_or(what as u8, Ordering::Relaxed) & what as u8 == 0
    }

    pub(super) fn was_told(&self, what: Told) -> bool {
        self.told.load(Ordering::Relaxed) & what as u8 != 0
    }

    /// The request as far as it may be shown: headers of a short list, no body, and no value of its query.
    pub(super) fn request(&self, exchange: &Exchange) -> Request {
        let named = HEADERS.iter().zip(&self.headers);
        let headers = named.filter_map(|(name, value)| {
            let value = value.as_ref()?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let host = self.headers[0].as_ref().and_then(|host| host.to_str().ok());
        let url = format!("http://{}{}", host.unwrap_or("unknown"), exchange.target());
        Request {
            method: Some(exchange.method().into()),
            url: scrub::without_secrets(&url).parse().ok(),
            headers: headers.collect(),
            ..Request::default()
        }
    }
}

// === impl Enrich ===

impl Default for Enrich {
    fn default() -> Self {
        Self {
            flood: Arc::default(),
            per_minute: PER_MINUTE,
        }
    }
}

impl Enrich {
    /// The event, with what is known of the current exchange; `None` where the same was told often enough.
    fn event(&self, mut event: Event<'static>) -> Option<Event<'static>> {
        if event.fingerprint.first().is_some_and(|first| first == OURS) {
            return Some(event);
        }
        let panic = is_panic(&event);
        let exchange = Exchange::current();
        let watched = exchange
            .as_ref()
            .and_then(|exchange| Some((exchange, exchange.sentry.get()?)));
        match watched {
            Some((exchange, scope)) => {
                if panic {
                    scope.tell(Told::Panic);
                    self.panicked(&mut event, exchange)?;
                }
                enrich(&mut event, exchange, scope);
            }
            None if panic => UNWATCHED_PANIC.set(true),
            None => {}
        }
        for (_, value) in event.tags.iter_mut() {
            cut(value, LONGEST_VALUE);
        }
        if event.tags.keys().any(|key| key.len() > LONGEST_KEY) {
            event.tags = std::mem::take(&mut event.tags)
                .into_iter()
                .map(|(mut key, value)| {
                    cut(&mut key, LONGEST_KEY);
                    (key, value)
                })
                .collect();
        }
        Some(event)
    }

    /// Makes the SDK's event of a panic one of ours; `None` where the same was told often enough.
    fn panicked(&self, event: &mut Event<'static>, exchange: &Exchange) -> Option<()> {
        let overrides = exchange.overrides();
        let endpoint = Endpoint::name(overrides.endpoint.as_ref());
        let category = ErrorCategory::ServerError.as_str();
        let fingerprint = [OURS, exchange.method(), endpoint, category, "panicked"];
        let most = overrides
            .reports
            .map_or(self.per_minute, |reports| reports.per_minute);
        let held_back = self.flood.admit(&fingerprint, most)?;
        flood::stamp(event, &fingerprint, held_back);
        // The SDK takes a panic for the end of the process.
        event.level = Level::Error;
        // However soon it came, and however long the SDK took over its stack trace.
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
        // What our own log events say, Sentry hears from us directly.
        let ours = event
            .logger
            .as_deref()
            .is_some_and(|logger| logger.split("::").next() == Some("tower_vitals"));
        if ours { None } else { self.event(event) }
    }
}

/// Adds to an event what is known of an exchange; what the event says itself stays.
pub(super) fn enrich(event: &mut Event<'static>, exchange: &Exchange, scope: &Scope) {
    let overrides = exchange.overrides();
    let endpoint = Endpoint::name(overrides.endpoint.as_ref());
    let severity = overrides
        .bands
        .unwrap_or_default()
        .severity(exchange.started().elapsed());
    let handler = overrides.handler.as_deref();
    let by_type = overrides
        .evidence
        .as_ref()
        .and_then(|evidence| evidence.by_type);
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
    event.request.get_or_insert_with(|| scope.request(exchange));
    if scope.transaction.is_none() {
        // The hub was made from one that others share, and so would be their trace.
        let trace = TraceContext {
            trace_id: *scope.trace.get_or_init(TraceId::default),
            ..TraceContext::default()
        };
        event
            .contexts
            .insert("trace".into(), Context::Trace(Box::new(trace)));
    }
}

/// Sets a tag that is not there, in the characters and the length that Sentry takes.
pub(super) fn tag(event: &mut Event<'static>, key: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return;
    };
    let allowed = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | ':' | '-')
    };
    let mut key: String = key
        .chars()
        .map(|character| if allowed(character) { character } else { '_' })
        .collect();
    cut(&mut key, LONGEST_KEY);
    event.tags.entry(key).or_insert_with(|| {
        // Sentry refuses a line break in a tag; what is escaped could not be scrubbed.
        let one_line = |one: char| if one.is_control() { ' ' } else { one };
        let mut kept: String = value.chars().map(one_line).collect();
        cut(&mut kept, LONGEST_VALUE);
        kept
    });
}

/// Cuts after so many characters.
fn cut(text: &mut String, longest: usize) {
    if let Some((at, _)) = text.char_indices().nth(longest) {
        text.truncate(at);
    }
}

/// One walk past all is cheaper than to look for each by its hash.
fn kept(headers: &HeaderMap) -> [Option<HeaderValue>; KEPT] {
    let mut kept = [const { None }; KEPT];
    for (name, value) in headers {
        let place = match *name {
            header::HOST => 0,
            header::USER_AGENT => 1,
            header::CONTENT_TYPE => 2,
            header::CONTENT_LENGTH => 3,
            _ => continue,
        };
        kept[place].get_or_insert_with(|| value.clone());
    }
    kept
}

fn is_panic(event: &Event<'_>) -> bool {
    event.exception.iter().any(|exception| {
        let mechanism = exception.mechanism.as_ref();
        mechanism.is_some_and(|mechanism| mechanism.ty == "panic")
    })
}

/// Whether Sentry was told of a panic on this thread that belongs to no watched request; asking forgets it.
pub(super) fn take_unwatched_panic() -> bool {
    UNWATCHED_PANIC.replace(false)
}

fn warn_unguarded() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            target: "tower_vitals",
            "the application's Sentry client was made without tower_vitals::sentry::guard: what it sends is not scrubbed"
        );
    });
}

/// Whether the thread has a hub that can be asked for, or may get one now.
///
/// Sentry's own thread-local aborts the process where it is asked for after it is gone. Ours is made after it, and so goes before it.
pub(super) fn thread_has_hub(beginning: bool) -> bool {
    match LIFE.get() {
        Life::Unknown if beginning => {
            let _first = Hub::current();
            LAST.with(|_| ());
            LIFE.set(Life::Begun);
            true
        }
        life => matches!(life, Life::Begun),
    }
}

thread_local! {
    // Without destructors, and so there to the very end.
    static LIFE: Cell<Life> = const { Cell::new(Life::Unknown) };
    static UNWATCHED_PANIC: Cell<bool> = const { Cell::new(false) };
    static LAST: Last = const { Last };
}

#[derive(Clone, Copy)]
enum Life {
    Unknown,
    Begun,
    Ended,
}

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        LIFE.set(Life::Ended);
    }
}
