//! Gives each request a Sentry hub of its own.

use std::sync::{Arc, Once, OnceLock, atomic::AtomicU8};

use http::request;
use sentry::{Client, Hub};

use super::{enrich::Enrich, shown_request};
use crate::facts::{
    sentry_data::{SentryData, thread_has_hub},
    told_errors::ToldErrors,
};

// === impl SentryData ===

impl SentryData {
    /// A hub for one request, made from the current one. `None` if no client is bound, or the thread is ending.
    pub(super) fn for_request(
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
                    warn_of_unguarded_client();
                    let enrich = enrich.clone();
                    hub.configure_scope(|scope| {
                        scope.add_event_processor(move |event| enrich.event(event, &[]))
                    });
                }
            }
        }
        Some(Self {
            hub: Arc::new(hub),
            transaction: None,
            headers: shown_request::kept(&request.headers),
            trace: OnceLock::new(),
            told: ToldErrors::default(),
            reported: AtomicU8::new(0),
        })
    }
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
