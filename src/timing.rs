//! Judges how long a request took, and counts it.
//!
//! # When it counts
//!
//! - When a request begins: `http_requests_started_total`, and one more request in flight.
//! - When it has ended, however it ended, exactly once: its outcome, status, severity and own time to the head, and for a
//!   streamed response its time to the end. One request less is in flight.
//! - When a request on an excluded path has ended: only `http_requests_excluded_total`, and
//!   `errors_total{endpoint="excluded"}` if it panicked, failed or had a 5xx response.
//! - A request that may be a scrape or a probe by its path is counted as begun when there is a response. If a route of this
//!   crate answers it, it counts as excluded alone, and its 503 is no failure.
//! - A request that reaches a route with [`ExcludeLayer::route`](crate::exclude::ExcludeLayer::route) counts as begun and
//!   with its outcome, and otherwise only if it panicked or failed.
//! - When the inner service fails before it takes a request: `vitals_readiness_errors_total`.
//!
//! # Own time
//!
//! The own time is the time to the head of the response, without the time in which the client still had to send the body of
//! its request and the service waited for it. The histogram and the bands have the own time. It is wall time where the body
//! is not followed: see [`wrap_request_body`](TimingLayer::wrap_request_body). If a service waits for its client and for
//! something else at once, that time is the client's.
//!
//! # Sizes
//!
//! With [`body_sizes`](TimingLayer::body_sizes), each request that is in the histogram of durations is also in
//! `http_request_body_size_bytes`, and in `http_response_body_size_bytes` if it had a response. Bytes are counted as they pass
//! the layer, in data frames. A declared `content-length` is not believed.
//!
//! | | request | response |
//! | --- | --- | --- |
//! | read to its end | all bytes | all bytes |
//! | not read to its end, or aborted | what was read before the response ended | what was given before |
//! | no body: `HEAD`, 204, 304 | 0 for `GET` and the like | 0, whatever was declared |
//! | `Err`, or a panic before the head | what was read | none |
//! | cancelled | none | none |
//! | 101 | what was read | 0: what follows is no body |
//! | gRPC | messages with their five bytes of framing | the same, without trailers |
//! | gRPC-web | as sent, so base64 counts as text | the same, with the trailers that are in the body |
//! | compressed | as sent, if it is decompressed further in | as sent, if it is compressed further in |
//! | bare hyper without [`wrap_request_body`](TimingLayer::wrap_request_body) | none, unless it has no body | as above |
//!
//! Sizes are off by default: they take two more histograms for each endpoint. A layer at a route counts them for that route alone.
//!
//! If layers of this kind nest, the outermost counts. An inner layer overrides the bands and sets the route that it sees. So
//! a route has its own bands if it has its own layer:
//!
//! ```
//! # use std::time::Duration;
//! use axum::{Router, routing::get};
//! use tower_vitals::{TimingLayer, timing::SeverityBands};
//!
//! let seconds = Duration::from_secs;
//! let patient = SeverityBands::new(seconds(1), seconds(5), seconds(20))?;
//! let report = get(|| async { "a report" }).layer(TimingLayer::new().bands(patient));
//! let app: Router = Router::new().route("/report", report).layer(TimingLayer::new());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```

mod after_the_fact;
mod sizes;

use std::sync::Arc;

use http::response;

pub use crate::facts::severity::{Severity, SeverityBands};
use crate::{
    emit,
    facts::{
        Facts,
        exchange::{Outcome, Start},
        judge,
        layer_kinds::LayerKinds,
        overrides::Overrides,
    },
    metrics::Metrics,
    observe::{
        Beginning, Engine, Observer, ObserverContext, RequestHead, StartContext, layer_methods,
    },
};

/// Measures each request, judges its severity and counts it.
///
/// See the [module docs](self) for when, and [`metrics`](crate::metrics) for what is published.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::get};
/// use tower_vitals::{TimingLayer, timing::SeverityBands};
///
/// let ms = Duration::from_millis;
/// let bands = SeverityBands::new(ms(50), ms(200), ms(800))?;
/// let app: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "an order" }))
///     .layer(TimingLayer::new().bands(bands));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimingLayer {
    engine: Arc<Engine<TimingObserver>>,
}

/// The observer behind [`TimingLayer`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimingObserver {
    /// Each request has them, so they are lent and not copied.
    bands: Option<&'static SeverityBands>,
    judge_at_end: bool,
    body_sizes: bool,
}

// === impl TimingLayer ===

impl TimingLayer {
    /// A layer with the bands of [`SeverityBands::default`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// The bands by which requests are judged. Defaults to those of a layer further in, else [`SeverityBands::default`].
    #[must_use]
    pub fn bands(mut self, bands: SeverityBands) -> Self {
        Arc::make_mut(&mut self.engine).observer.bands = Some(bands.kept());
        self
    }

    /// Judges by the time to the end of the response, for a route whose stream is the work, such as an export. The histogram
    /// does not change. By default the time to the head is judged.
    #[must_use]
    pub fn judge_at_end(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.judge_at_end = true;
        self
    }
}

// More methods are in `timing/sizes.rs`.
layer_methods!(TimingLayer, Unexamined);

// === impl TimingObserver ===

impl TimingObserver {
    pub(crate) fn new(bands: SeverityBands, body_sizes: bool) -> Self {
        Self {
            bands: Some(bands.kept()),
            judge_at_end: false,
            body_sizes,
        }
    }
}

impl Observer for TimingObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::TIMING
    }

    fn override_settings(&self, _: LayerKinds, overrides: &mut Overrides) {
        overrides.bands = self.bands.or(overrides.bands);
        overrides.judge_at_end |= self.judge_at_end;
        overrides.body_sizes |= self.body_sizes;
    }

    fn request(&self, cx: &StartContext<'_>, _: &mut dyn RequestHead, _: &mut Start) {
        match cx.beginning {
            Beginning::AtOnce => cx.metrics().start(cx.method),
            Beginning::AtHead => cx.metrics().begin_suspect(),
            Beginning::Never => {}
        }
    }

    fn head(&self, cx: &ObserverContext<'_>, _: &mut response::Parts) {
        if cx.beginning == Beginning::AtHead {
            cx.metrics().start(cx.exchange.method_label());
            cx.metrics().end_suspect();
        }
    }

    fn head_of_own_route(&self, cx: &ObserverContext<'_>) {
        cx.metrics().end_suspect();
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        let metrics = cx.metrics();
        if cx.beginning == Beginning::AtHead {
            metrics.start(cx.exchange.method_label());
            metrics.end_suspect();
        }
        let (method, trace) = (cx.exchange.method_label(), cx.exchange.trace());
        if metrics.end(method, facts, trace) {
            warn_of_overflow(metrics);
        }
        if metrics.is_first_without_method(facts) {
            tell_of_methods(metrics);
        }
    }

    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        let failed = failure.is_some_and(judge::is_server_failure);
        match cx.beginning {
            Beginning::AtOnce => {
                let method = cx.exchange.method_label();
                cx.metrics().end_unobserved(method, outcome, failed);
            }
            Beginning::AtHead => {
                cx.metrics().end_suspect();
                cx.metrics().excluded(failed);
            }
            Beginning::Never => cx.metrics().excluded(failed),
        }
    }

    fn passed(&self, active: LayerKinds, metrics: Option<&Metrics>) {
        if active.overlaps(self.kinds()) {
            Metrics::or_global(metrics).excluded(false);
        }
    }

    fn not_ready(&self, metrics: Option<&Metrics>) {
        Metrics::or_global(metrics).not_ready();
    }
}

fn warn_of_overflow(metrics: &Metrics) {
    emit::counted(Some(metrics), || {
        tracing::warn!(
            target: "tower_vitals",
            "more distinct endpoints than the cap: the rest is counted under \"overflow\""
        );
    });
}

fn tell_of_methods(metrics: &Metrics) {
    emit::counted(Some(metrics), || {
        tracing::info!(
            target: "tower_vitals",
            "a gRPC method that has never succeeded is counted as _OTHER: grpc_descriptors or \
             KnownMethodsLayer names it"
        );
    });
}
