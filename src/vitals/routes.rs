//! Serves the metrics and the probes by axum.

use axum::Router;

use super::{Vitals, scrape};

/// The path at which the router answers a scrape.
pub(super) const METRICS_PATH: Option<&str> = Some("/metrics");

// === impl Vitals ===

impl Vitals {
    /// A router with `GET /metrics`, in Prometheus' text format 0.0.4, and with the probes of the builder's
    /// [`health`](super::VitalsBuilder::health), if there are any.
    ///
    /// It is never counted as traffic, wherever it is merged. A path without a route is counted as `unmatched`, whichever
    /// router is merged into the other. There is no `/metrics` with
    /// [`use_global_recorder`](super::VitalsBuilder::use_global_recorder).
    ///
    /// No scrape is refused. At most thirteen rendered texts are in memory, however many readers do not read: while four are
    /// held, a reader may get a text that is up to 1 s old, and a reader who has not finished after 10 s loses its text; its
    /// connection is closed once it reads on. What the server itself buffers for each connection, some 0.4 MB, is not counted.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
    pub fn routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        // If two routers are merged, axum keeps the fallback of the second. So the response to an unknown path can be this
        // router's, and it must be observed as well.
        let router = Router::new().layer(self.layer());
        let router = match self.exporter.as_ref().zip(METRICS_PATH) {
            Some((exporter, path)) => router.route(path, scrape::route(exporter.clone())),
            None => router,
        };
        match &self.health {
            Some(health) => health.add_to(router),
            None => router,
        }
    }
}
