//! Serves the metrics and the probes by axum.

use axum::{Router, http::HeaderMap, routing::get};

use super::{METRICS_PATH, Vitals, scrape::Scrapes};
use crate::exclude::ExcludeLayer;

// === impl Vitals ===

impl Vitals {
    /// A router with `GET /metrics`, and with the probes of the builder's
    /// [`health`](super::VitalsBuilder::health), if there are any, and the monitoring API, if there is one. With an [admin port](super::VitalsBuilder::admin_addr) it
    /// serves nothing.
    ///
    /// The metrics come in Prometheus' text format 0.0.4, or as OpenMetrics 1.0.0 if `Accept` names it and prefers nothing else,
    /// and compressed if `Accept-Encoding` takes `gzip`.
    ///
    /// It is never counted as traffic, wherever it is merged. A path without a route is counted as `unmatched`, whichever
    /// router is merged into the other. There is no `/metrics` with
    /// [`use_global_recorder`](super::VitalsBuilder::use_global_recorder).
    ///
    /// No scrape is refused. At most thirteen rendered texts are in memory, however many readers do not read. While four are
    /// held, a reader may get a text of its form that is up to 1 s old. A reader who has not finished after 10 s loses its text
    /// then, or earlier if readers want several forms: its connection is closed once it reads on. What the server itself buffers
    /// for each connection, some 0.4 MB, is not counted.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
    pub fn routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        // If two routers are merged, axum keeps the fallback of the second. So the response to an unknown path can be this
        // router's, and it must be observed as well.
        let router = Router::new().layer(self.layer());
        if self.admin.as_ref().is_some_and(|admin| !admin.keep_routes) {
            return router;
        }
        let router = match self.exporter.clone().map(Scrapes::new) {
            Some(scrapes) => {
                let answer = async move |headers: HeaderMap| {
                    scrapes.answer(&headers).await.map(axum::body::Body::new)
                };
                router.route(METRICS_PATH, get(answer).layer(ExcludeLayer::route()))
            }
            None => router,
        };
        let router = match &self.health {
            Some(health) => health.add_to(router),
            None => router,
        };
        self.api.add_to(router)
    }
}
