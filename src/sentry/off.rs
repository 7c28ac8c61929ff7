//! Stands in for Sentry without feature `sentry`: nothing is reported.

#[path = "job/off.rs"]
pub(crate) mod job;

use std::time::Duration;

#[cfg(feature = "statistics")]
use crate::config::Variables;
use crate::{
    config::ConfigError,
    facts::{
        exchange::Exchange,
        layer_kinds::LayerKinds,
        sentry_data::{ForkedHub, HubGuard},
        work::EndedWork,
    },
    metrics::Metrics,
    observe::Observer,
    release::Release,
    report::notice::{Notice, NoticeSink},
};

/// There are none.
#[derive(Clone, Debug)]
pub(crate) enum SentryOptions {}

/// It is always off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) observer: SentryObserver,
}

/// It is always off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentryObserver;

/// There is nothing on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing;

impl SentryOptions {
    pub(crate) const fn release(&self) -> Option<&Release> {
        match *self {}
    }

    #[cfg(feature = "statistics")]
    pub(crate) const fn variables(&self) -> &Variables {
        match *self {}
    }

    #[cfg(feature = "statistics")]
    pub(crate) const fn share_of_transactions(&self) -> f32 {
        match *self {}
    }

    #[cfg(feature = "scrub")]
    pub(crate) const fn own_scrubbing(&self) -> crate::scrub::Scrubbing {
        match *self {}
    }

    pub(crate) const fn state(_: Option<&Self>) -> &'static str {
        "off: the crate is built without feature sentry"
    }
}

impl Connection {
    pub(crate) const CAN_SEND: bool = false;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the connection that it stands in for can fail"
    )]
    pub(crate) const fn new(
        _: Option<SentryOptions>,
        _: &Release,
        _: &Metrics,
        _: bool,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            observer: SentryObserver,
        })
    }

    pub(crate) const fn outgoing(&self) -> Outgoing {
        Outgoing
    }
}

impl Outgoing {
    pub(crate) const fn flush(&self, _: Duration) -> u64 {
        0
    }

    pub(crate) const fn unsent(&self) -> u64 {
        0
    }
}

impl NoticeSink for Connection {
    fn notify(&self, _: &Notice) {}

    fn is_on(&self) -> bool {
        false
    }
}

impl SentryObserver {
    pub(crate) const fn stuck(&self, _: &Exchange) {}
}

impl Observer for SentryObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::NONE
    }
}

pub(crate) const fn ready_for_work() {}

pub(crate) const fn note_work(_: &EndedWork<'_>, _: Option<&Metrics>) {}

pub(crate) const fn hub_for_log(_: Option<&Exchange>) -> Option<HubGuard> {
    None
}

pub(crate) const fn report_slow_work(_: &EndedWork<'_>, _: Option<&Exchange>, _: Option<&Metrics>) {
}

/// Nobody gets it.
pub(crate) const fn notify(_: Option<&Metrics>, _: &Notice) {}

/// There is none.
pub(crate) const fn hub_of_no_request() -> Option<ForkedHub> {
    None
}
