//! Gives each request a Sentry hub of its own.

use std::{
    cell::RefCell,
    ptr,
    sync::{Arc, Once, Weak},
    time::Duration,
};

use sentry::{Client, Hub, Scope};
use tokio::time::Instant;

use super::{
    base::{Base, BaseId},
    enrich::Enrich,
    event,
    observer::SentryObserver,
};
use crate::{
    facts::sentry_data::{SentryData, thread_has_hub},
    observe::RequestHead,
};

/// How long a thread trusts that the current hub still has the client that it had.
const TRUSTED: Duration = Duration::from_secs(1);

/// The most scopes that a thread remembers. Then it forgets all and starts again.
const REMEMBERED: usize = 16;

/// A scope with which the requests of one observer begin on one thread.
struct Remembered {
    base: BaseId,
    /// The hub that was current when its client was asked, and until when that is not asked again.
    hub: Weak<Hub>,
    until: Instant,
    /// The client of that hub.
    bound: Option<Weak<Client>>,
    scope: Arc<Scope>,
}

thread_local! {
    /// Copies of base scopes. If all threads took the base itself, all would write to the line of its reference count.
    static REMEMBERED_SCOPES: RefCell<Vec<Remembered>> = const { RefCell::new(Vec::new()) };
}

// === impl SentryData ===

impl SentryData {
    /// A hub for one request. `None` if no client is bound, or the thread is ending.
    #[inline]
    pub(super) fn for_request(
        observer: &SentryObserver,
        request: &dyn RequestHead,
        now: Instant,
    ) -> Option<Self> {
        if !thread_has_hub(true) {
            return None;
        }
        let (client, scope) = client_and_scope(observer, now)?;
        let hub = Arc::new(Hub::new(Some(client), scope));
        let is_https = request.uri().scheme_str() == Some("https");
        Some(Self::new(hub, observer.shows_client, is_https))
    }

    /// A hub for a run of a job, with the client that the application has bound. Its scope begins with what the application had
    /// set at start, and with nothing if the client is another one than that of the main hub: what lies on the hub of the thread
    /// belongs to whoever runs there.
    pub(super) fn for_job(observer: &SentryObserver) -> Option<Self> {
        if !thread_has_hub(true) {
            return None;
        }
        let bound = Hub::current().client();
        let client = bound.or_else(|| Hub::main().client())?;
        let scope = observer.base.of_client(Some(&client)).unwrap_or_default();
        let mut hub = Hub::new(Some(Arc::clone(&client)), Arc::clone(&scope));
        if !hub.with_integration(|_: &Enrich| true) {
            hub = Hub::new(Some(client), enriched(scope, &observer.enrich));
        }
        Some(Self::new(Arc::new(hub), false, false))
    }
}

// === impl Remembered ===

impl Remembered {
    fn is_recent(&self, current: &Arc<Hub>, now: Instant) -> bool {
        ptr::eq(self.hub.as_ptr(), Arc::as_ptr(current)) && now < self.until
    }

    fn trust(&mut self, current: &Arc<Hub>, now: Instant) {
        self.hub = Arc::downgrade(current);
        self.until = now + TRUSTED;
    }

    fn is_of(&self, bound: Option<&Arc<Client>>) -> bool {
        let known = self.bound.as_ref().map(Weak::as_ptr);
        known == bound.map(Arc::as_ptr)
    }
}

// === impl SentryObserver ===

impl SentryObserver {
    /// A hub for a request on an excluded path. No layer knows more of the request, but its code has a scope of its own all the
    /// same. `None` if no client is bound.
    pub(super) fn hub_of_its_own(&self, now: Instant) -> Option<Arc<Hub>> {
        if !thread_has_hub(true) {
            return None;
        }
        let (client, scope) = client_and_scope(self, now)?;
        Some(Arc::new(Hub::new(Some(client), scope)))
    }
}

/// The client of a request, and the scope with which it begins. `None` if no client is bound.
fn client_and_scope(observer: &SentryObserver, now: Instant) -> Option<(Arc<Client>, Arc<Scope>)> {
    let current = Hub::current();
    if let Some(own) = &observer.client
        && let Some(scope) = remembered(observer, |known| known.is_recent(&current, now))
    {
        return Some((Arc::clone(own), scope));
    }
    let bound = current.client();
    if observer.client.is_none() && bound.is_none() {
        return None;
    }
    let known = remembered(observer, |known| {
        let is_right = known.is_of(bound.as_ref());
        // Only a stack with a client of its own need not know the client of each hub.
        if is_right && observer.client.is_some() {
            known.trust(&current, now);
        }
        is_right
    });
    let scope = known.unwrap_or_else(|| begin(observer, &current, bound.as_ref(), now));
    let client = observer.client.clone().or(bound)?;
    Some((client, scope))
}

fn remembered(
    observer: &SentryObserver,
    is_right: impl Fn(&mut Remembered) -> bool,
) -> Option<Arc<Scope>> {
    if observer.inherits_hub {
        return None;
    }
    let scope = REMEMBERED_SCOPES.try_with(|scopes| {
        let mut scopes = scopes.borrow_mut();
        let mut mine = scopes
            .iter_mut()
            .filter(|known| known.base.is_of(&observer.base));
        let right = mine.find_map(|known| is_right(known).then_some(known))?;
        Some(Arc::clone(&right.scope))
    });
    scope.ok().flatten()
}

/// A scope that the thread does not remember yet.
#[cold]
fn begin(
    observer: &SentryObserver,
    current: &Arc<Hub>,
    bound: Option<&Arc<Client>>,
    now: Instant,
) -> Arc<Scope> {
    let is_guarded = observer.client.is_some() || current.with_integration(|_: &Enrich| true);
    let base = match observer.inherits_hub {
        true => None,
        false => observer.base.of_client(bound),
    };
    let scope = match base {
        Some(base) if is_guarded => {
            let scope = Arc::new((*base).clone());
            remember(Remembered {
                base: observer.base.id(),
                hub: Arc::downgrade(current),
                until: now + TRUSTED,
                bound: bound.map(Arc::downgrade),
                scope: Arc::clone(&scope),
            });
            return scope;
        }
        Some(base) => base,
        None => Base::inherited(current),
    };
    match is_guarded {
        true => scope,
        false => enriched(scope, &observer.enrich),
    }
}

/// A scope for a client without a guard, which would do the same.
fn enriched(mut scope: Arc<Scope>, enrich: &Enrich) -> Arc<Scope> {
    warn_of_unguarded_client();
    let enrich = enrich.clone();
    Arc::make_mut(&mut scope).add_event_processor(move |event| {
        let mut event = enrich.event(event, &[])?;
        // Nothing scrubs it, so nothing cuts it later.
        event.tags.values_mut().for_each(event::cut);
        Some(event)
    });
    scope
}

fn remember(scope: Remembered) {
    let forgotten = REMEMBERED_SCOPES.try_with(|scopes| {
        let mut scopes = scopes.borrow_mut();
        let forgotten = match scopes.len() < REMEMBERED {
            true => Vec::new(),
            false => std::mem::take(&mut *scopes),
        };
        scopes.push(scope);
        forgotten
    });
    drop(forgotten);
}

fn warn_of_unguarded_client() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            target: "tower_vitals",
            "the application's Sentry client was made without tower_vitals::sentry::guard: what it sends is not scrubbed"
        );
    });
}
