//! Keeps what each request's Sentry scope begins with: what the application set at start, and nothing of any request.

use std::{
    fmt, ptr,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use sentry::{Client, Hub, Scope};

/// The scope of the main hub when each of its clients was first seen. What is set there later is not seen.
///
/// A thread's hub is no place to begin: what ran on the thread before has left its data there.
#[derive(Clone, Default)]
pub(super) struct Base(Arc<RwLock<Vec<Known>>>);

/// Tells bases apart. It does not keep the base.
pub(super) struct BaseId(Weak<RwLock<Vec<Known>>>);

/// A client of the main hub, or that it had none, and the scope with which its requests begin. It does not keep the client.
struct Known {
    client: Option<Weak<Client>>,
    scope: Arc<Scope>,
}

// === impl Base ===

impl Base {
    /// Takes the main hub's scope as the base.
    pub(super) fn learn(&self) {
        self.take(&Hub::main());
    }

    /// A copy of a hub's scope, without breadcrumbs.
    pub(super) fn inherited(hub: &Arc<Hub>) -> Arc<Scope> {
        Arc::new(without_breadcrumbs(hub))
    }

    /// A hub for what belongs to no request. `own` is the client of this crate, if there is one.
    pub(super) fn hub(&self, own: Option<&Arc<Client>>) -> Hub {
        let bound = Hub::main().client();
        let scope = self.of_client(bound.as_ref()).unwrap_or_default();
        Hub::new(own.cloned().or(bound), scope)
    }

    pub(super) fn id(&self) -> BaseId {
        BaseId(Arc::downgrade(&self.0))
    }

    /// The base, if `client` is or was that of the main hub, or is none.
    pub(super) fn of_client(&self, client: Option<&Arc<Client>>) -> Option<Arc<Scope>> {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let found = match client {
                Some(client) => known.iter().find(|known| known.is_of(client)),
                // A hub without a client has been bound by nobody.
                None => known.last(),
            };
            if let Some(known) = found {
                return Some(Arc::clone(&known.scope));
            }
        }
        // The application can have bound its client since.
        let main = Hub::main();
        let is_main = match (client, main.client()) {
            (Some(client), Some(main)) => Arc::ptr_eq(client, &main),
            (client, _) => client.is_none(),
        };
        is_main.then(|| self.take(&main))
    }

    fn take(&self, main: &Arc<Hub>) -> Arc<Scope> {
        let mut scope = without_breadcrumbs(main);
        scope.set_span(None);
        scope.set_transaction(None);
        let scope = Arc::new(scope);
        let client = main.client();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let first = client
            .as_ref()
            .and_then(|client| known.iter().find(|known| known.is_of(client)));
        if let Some(first) = first {
            // Another thread has seen the client first.
            return Arc::clone(&first.scope);
        }
        known.retain(Known::is_alive);
        known.push(Known {
            client: client.as_ref().map(Arc::downgrade),
            scope: Arc::clone(&scope),
        });
        scope
    }
}

// === impl BaseId ===

impl BaseId {
    pub(super) fn is_of(&self, base: &Base) -> bool {
        ptr::eq(self.0.as_ptr(), Arc::as_ptr(&base.0))
    }
}

// === impl Known ===

impl Known {
    fn is_of(&self, client: &Arc<Client>) -> bool {
        let known = self.client.as_ref();
        known.is_some_and(|known| ptr::eq(known.as_ptr(), Arc::as_ptr(client)))
    }

    fn is_alive(&self) -> bool {
        let known = self.client.as_ref();
        known.is_some_and(|known| known.strong_count() > 0)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").finish_non_exhaustive()
    }
}

/// A copy of the scope of a hub. The hub itself is not locked for writing: another thread may be changing it.
fn without_breadcrumbs(hub: &Arc<Hub>) -> Scope {
    let mut scope = Hub::new_from_top(hub).configure_scope(|scope| scope.clone());
    scope.clear_breadcrumbs();
    scope
}
