//! Judges how long a request took, and counts it.
//!
//! # When it speaks
//!
//! - When a request begins: `http_requests_started_total`, and one more in flight.
//! - When it has ended, however it ended, exactly once: its outcome, its status, its severity, its time to the head and, for
//!   a streamed response, its time to the end. One less in flight.
//! - When an excluded request has ended: `http_requests_excluded_total` alone, and `errors_total{endpoint="excluded"}`
//!   where it panicked, failed or answered 5xx.
//! - When the inner service fails before it takes a request: `vitals_readiness_errors_total`.
//!
//! Where layers of this kind nest, the outermost counts. An inner one lends the bands it was given and the route it sees,
//! so a route has its own bands by having its own layer:
//!
//! ```
//! # use std::time::Duration;
//! use axum::{Router, routing::get};
//! use tower_vitals::{TimingLayer, timing::SeverityBands};
//!
//! let patient = SeverityBands::new(Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20))?;
//! let app: Router = Router::new()
//!     .route("/report", get(|| async { "…" }).layer(TimingLayer::new().bands(patient)))
//!     .layer(TimingLayer::new());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```

use std::sync::Arc;

use http::request;
use tower_layer::Layer;

pub use crate::facts::severity::{Severity, SeverityBands};
use crate::{
    exchange::{Exchange, LayerKinds, Outcome, Overrides},
    exclude::Patterns,
    log,
    metrics::{Metrics, StatusLabel},
    observe::{Engine, Facts, Observed, Observer},
};

/// Measures each request, judges its severity and counts it.
///
/// See the [module docs](self) for when, and [`metrics`](crate::metrics) for what is published.
#[derive(Clone, Debug)]
pub struct TimingLayer {
    engine: Arc<Engine<TimingObserver>>,
}

/// The observer behind [`TimingLayer`].
#[derive(Clone, Debug, Default)]
pub(crate) struct TimingObserver {
    /// Where requests are counted; in the process's counters if none are named.
    metrics: Option<Metrics>,
    bands: Option<SeverityBands>,
    judge_at_end: bool,
}

// === impl TimingLayer ===

impl TimingLayer {
    /// A layer that counts in the process's [`Metrics::global`], by [`SeverityBands::default`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// The bands by which requests are judged. Defaults to those of a layer further in, else [`SeverityBands::default`].
    #[must_use]
    pub fn bands(mut self, bands: SeverityBands) -> Self {
        Arc::make_mut(&mut self.engine).observer.bands = Some(bands);
        self
    }

    /// Judges by the time to the end of the response, not to its head: for a route whose stream is the work, such as an
    /// export. The histogram stays what it is. Defaults to the head.
    #[must_use]
    pub fn judge_at_end(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.judge_at_end = true;
        self
    }

    /// Where requests are counted. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.metrics = Some(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }
}

impl Default for TimingLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TimingLayer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl Timing ===

impl TimingObserver {
    pub(crate) const fn new(metrics: Metrics, bands: SeverityBands) -> Self {
        Self {
            metrics: Some(metrics),
            bands: Some(bands),
            judge_at_end: false,
        }
    }

    fn metrics(&self) -> &Metrics {
        Metrics::or_global(self.metrics.as_ref())
    }
}

impl Observer for TimingObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::TIMING
    }

    fn override_settings(&self, _: LayerKinds, overrides: &mut Overrides) {
        overrides.bands = self.bands.or(overrides.bands);
        overrides.judge_at_end |= self.judge_at_end;
    }

    fn request(&self, _: LayerKinds, exchange: &Arc<Exchange>, _: &mut request::Parts) {
        self.metrics().start(exchange.method_label());
    }

    fn end(&self, _: LayerKinds, exchange: &Arc<Exchange>, facts: &Facts) {
        let metrics = self.metrics();
        if metrics.end(exchange.method_label(), facts) {
            log::warn_of_overflow(metrics);
        }
    }

    fn passed_by(&self, _: LayerKinds, suspect: Option<(&Arc<Exchange>, &Facts)>) {
        let failed = suspect.is_some_and(|(_, facts)| is_failure(facts));
        self.metrics().excluded(failed);
    }

    fn not_ready(&self) {
        self.metrics().not_ready();
    }
}

/// How bad a request was; a client that left before the head says nothing about the service.
pub(crate) fn severity(facts: &Facts) -> Option<Severity> {
    match facts.outcome {
        _ if is_failure(facts) => Some(Severity::Critical),
        Outcome::Cancelled => None,
        _ => Some(facts.bands.severity(facts.judged)),
    }
}

/// Whether the server's side failed, however fast.
pub(crate) fn is_failure(facts: &Facts) -> bool {
    let status = || match &facts.grpc {
        Some(grpc) => grpc.is_failure(),
        None => facts
            .status
            .is_some_and(|status| StatusLabel::new(status).is_server_error()),
    };
    match facts.outcome {
        Outcome::BodyError | Outcome::Error | Outcome::Panicked => true,
        Outcome::Completed | Outcome::Aborted => status(),
        Outcome::Cancelled => facts.missed_deadline(),
    }
}
