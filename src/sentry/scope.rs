//! Gives each request a Sentry hub of its own.

use std::sync::{Arc, Once, OnceLock, atomic::AtomicU8};

use http::request;
use sentry::Hub;

use super::{base::Base, enrich::Enrich, event, observer::SentryObserver, shown_request};
use crate::facts::{
    sentry_data::{SentryData, thread_has_hub},
    told_errors::ToldErrors,
};

// === impl SentryData ===

impl SentryData {
    /// A hub for one request. `None` if no client is bound, or the thread is ending.
    pub(super) fn for_request(observer: &SentryObserver, request: &request::Parts) -> Option<Self> {
        if !thread_has_hub(true) {
            return None;
        }
        let current = Hub::current();
        let bound = current.client();
        let client = observer.client.clone().or_else(|| bound.clone())?;
        let mut scope = match observer.inherits_hub {
            true => Base::inherited(&current),
            false => observer.base.scope(&current, bound.as_ref()),
        };
        if observer.client.is_none() && !current.with_integration(|_: &Enrich| true) {
            warn_of_unguarded_client();
            let enrich = observer.enrich.clone();
            Arc::make_mut(&mut scope).add_event_processor(move |event| {
                let mut event = enrich.event(event, &[])?;
                // Nothing scrubs it, so nothing cuts it later.
                event.tags.values_mut().for_each(event::cut);
                Some(event)
            });
        }
        Some(Self {
            hub: Arc::new(Hub::new(Some(client), scope)),
            transaction: None,
            headers: shown_request::kept(&request.headers),
            trace: OnceLock::new(),
            told: ToldErrors::default(),
            authority: request.uri.authority().cloned(),
            is_https: request.uri.scheme_str() == Some("https"),
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
