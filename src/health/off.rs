//! Stands in for health checks without feature `health`: there are none.

use std::sync::Arc;

use crate::{metrics::Metrics, report::notice::NoticeSink};

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HealthService {}

impl HealthService {
    pub(crate) fn connect(&self, _: &Metrics, _: Arc<dyn NoticeSink>) {
        match *self {}
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    #[cfg(feature = "statistics")]
    pub(crate) fn check_names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    #[cfg(feature = "statistics")]
    pub(crate) fn add_informational(
        &self,
        _: &str,
        _: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        match *self {}
    }

    #[cfg(feature = "axum")]
    pub(crate) fn add_to<S>(&self, _: axum::Router<S>) -> axum::Router<S> {
        match *self {}
    }
}
