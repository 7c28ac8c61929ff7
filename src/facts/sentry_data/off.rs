//! Stands in for Sentry's data without feature `sentry`: no exchange has any.

use crate::facts::trace_context::TraceContext;

/// There is none.
#[derive(Debug)]
pub(crate) enum SentryData {}

/// There is no hub to bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubGuard;

/// There is none.
pub(crate) type ForkedHub = HubGuard;

impl SentryData {
    pub(crate) const fn bind(&self, _: bool) -> Option<HubGuard> {
        match *self {}
    }

    pub(crate) const fn take_ids(&self, _: &TraceContext) {
        match *self {}
    }

    pub(crate) const fn fork(&self, _: bool) -> ForkedHub {
        match *self {}
    }
}

impl HubGuard {
    pub(crate) const fn new(hub: Self) -> Self {
        hub
    }

    pub(crate) const fn bind(_: &ForkedHub, _: bool) -> Option<Self> {
        None
    }
}
