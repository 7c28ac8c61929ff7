//! Lets a layer count the sizes of bodies.

use std::sync::Arc;

use super::TimingLayer;

// === impl TimingLayer ===

impl TimingLayer {
    /// Also counts how large the bodies of requests and responses are: see [sizes](super#sizes). Defaults to off.
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use tower_vitals::TimingLayer;
    ///
    /// // The sizes of one route alone.
    /// let upload = post(|body: String| async move { body.len().to_string() });
    /// let app: Router = Router::new()
    ///     .route("/upload", upload.layer(TimingLayer::new().body_sizes()))
    ///     .layer(TimingLayer::new());
    /// ```
    #[must_use]
    pub fn body_sizes(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.body_sizes = true;
        self
    }
}
