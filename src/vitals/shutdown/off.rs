//! Stands in for the shutdown without feature `health`: there is none.

use std::future::{Future, pending};

use crate::config::ConfigError;

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShutdownSettings;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shutdown;

impl Shutdown {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the shutdown that it stands in for can fail"
    )]
    pub(super) const fn new(_: ShutdownSettings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    pub(super) async fn closing(&self) {
        pending().await
    }

    pub(super) async fn until_over<F: Future>(&self, future: F) -> Option<F::Output> {
        Some(future.await)
    }

    pub(super) const fn count_session(&self) -> CountedSession {
        CountedSession
    }
}

/// Nothing waits for a session.
#[derive(Debug)]
pub(super) struct CountedSession;

impl CountedSession {
    pub(super) const fn cut(&mut self) {}
}
