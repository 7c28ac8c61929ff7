//! Holds what layers make for a request before its inner service is called.

use std::sync::OnceLock;

use super::{
    given_id::{GivenId, RouteIds},
    logged_request::LoggedRequest,
    request_texts::RequestTexts,
    sentry_data::{ForkedHub, SentryData},
    trace_context::TraceContext,
};

/// What the observers of a layer make for a request, before the inner service is called.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) id: Option<GivenId>,
    /// Set if a layer for Sentry observes the request and a client is bound.
    pub(crate) sentry: Option<SentryData>,
    /// The hub of a request that no layer observes, because its path is excluded.
    pub(crate) hub: Option<ForkedHub>,
    pub(crate) trace: Option<Box<TraceContext>>,
    pub(crate) logged: Option<Box<LoggedRequest>>,
    /// The target as received, if the layer is the outermost, and what `sentry` needs.
    pub(crate) texts: RequestTexts,
}

/// What layers further in than the outermost made.
#[derive(Debug, Default)]
pub(super) struct LateStart {
    pub(super) id: OnceLock<GivenId>,
    /// Ids of routes in place of that of the layers further out.
    pub(super) route_ids: RouteIds,
    pub(super) sentry: OnceLock<SentryData>,
    pub(super) texts: OnceLock<RequestTexts>,
    pub(super) hub: OnceLock<ForkedHub>,
    pub(super) trace: OnceLock<Box<TraceContext>>,
    pub(super) logged: OnceLock<Box<LoggedRequest>>,
}

// === impl Start ===

impl Start {
    /// Drops all of it.
    pub(super) fn clear(&mut self) {
        let Self {
            id,
            sentry,
            hub,
            trace,
            logged,
            texts,
        } = self;
        *id = None;
        *sentry = None;
        *hub = None;
        *trace = None;
        *logged = None;
        texts.clear();
    }

    pub(super) const fn is_empty(&self) -> bool {
        let Self {
            id,
            sentry,
            hub,
            trace,
            logged,
            texts: _,
        } = self;
        id.is_none() && sentry.is_none() && hub.is_none() && trace.is_none() && logged.is_none()
    }
}

// === impl LateStart ===

impl LateStart {
    /// Only one layer of a kind is active. So nothing is set twice.
    pub(super) fn take(&self, start: Start) {
        if let Some(id) = start.id {
            let _ = self.id.set(id);
        }
        if let Some(sentry) = start.sentry {
            let _ = self.texts.set(start.texts);
            let _ = self.sentry.set(sentry);
        }
        if let Some(hub) = start.hub {
            let _ = self.hub.set(hub);
        }
        if let Some(trace) = start.trace {
            let _ = self.trace.set(trace);
        }
        if let Some(logged) = start.logged {
            let _ = self.logged.set(logged);
        }
    }
}
