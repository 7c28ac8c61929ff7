//! Keeps what each request's Sentry scope begins with: what the application set at start, and nothing of any request.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use sentry::{Client, Hub, Scope};

/// The scope of the main hub when its client was first seen. What is set there later is not seen.
///
/// A thread's hub is no place to begin: what ran on the thread before has left its data there.
#[derive(Clone, Default)]
pub(super) struct Base(Arc<RwLock<Option<Known>>>);

#[derive(Clone)]
struct Known {
    client: Option<Arc<Client>>,
    scope: Arc<Scope>,
}

// === impl Base ===

impl Base {
    /// Takes the main hub's scope as the base.
    pub(super) fn learn(&self) {
        self.take(&Hub::main());
    }

    /// The scope with which a request begins: the base, or the current hub's scope if its client is not that of the base.
    pub(super) fn scope(&self, current: &Arc<Hub>) -> Arc<Scope> {
        let client = current.client();
        let is_mine = |base: Option<&Arc<Client>>| match (base, &client) {
            (Some(base), Some(client)) => Arc::ptr_eq(base, client),
            // A hub without a client has been bound by nobody.
            (_, None) => true,
            (None, Some(_)) => false,
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known
            .as_ref()
            .filter(|known| is_mine(known.client.as_ref()))
        {
            return Arc::clone(&known.scope);
        }
        drop(known);
        let main = Hub::main();
        if is_mine(main.client().as_ref()) {
            return self.take(&main).scope;
        }
        Self::inherited(current)
    }

    /// A copy of a hub's scope, without breadcrumbs.
    pub(super) fn inherited(hub: &Arc<Hub>) -> Arc<Scope> {
        Arc::new(without_breadcrumbs(hub))
    }

    /// A hub for what belongs to no request.
    pub(super) fn hub(&self, client: Option<&Arc<Client>>) -> Hub {
        let known = self.known();
        let known = known.unwrap_or_else(|| self.take(&Hub::main()));
        Hub::new(client.cloned().or(known.client), known.scope)
    }

    fn known(&self) -> Option<Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn take(&self, main: &Arc<Hub>) -> Known {
        let mut scope = without_breadcrumbs(main);
        scope.set_span(None);
        scope.set_transaction(None);
        let known = Known {
            client: main.client(),
            scope: Arc::new(scope),
        };
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = place.replace(known.clone());
        drop(place);
        drop(before);
        known
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
