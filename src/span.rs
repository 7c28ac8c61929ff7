//! Opens one `tracing` span around each request, so that all lines within it can show which request they belong to.
//!
//! # When it acts
//!
//! The span opens before the inner service is called, and closes when the request has ended, after its log event. It is entered
//! whenever code of the inner service runs: in the handler, in the body of the response, in destructors. A task of
//! `tokio::spawn` is outside; `tracing`'s `Instrument` brings the span there.
//!
//! The span has level `INFO`, target `tower_vitals` and name `request`.
//!
//! | field | |
//! | --- | --- |
//! | `request_id` | the request's id, if there is a [`RequestIdLayer`](crate::RequestIdLayer) around this layer |
//! | `method` | as in the metrics |
//! | `endpoint` | the route, as soon as it is known |
//! | `trace_id` | the id of the [trace](crate::trace_context), if there is a [`TraceContextLayer`](crate::TraceContextLayer) |
//! | `status` | as in the metrics, when the request has ended |
//!
//! With feature `opentelemetry`, an OpenTelemetry layer of the subscriber makes of it a server span with the names and
//! attributes that HTTP has there.
//!
//! # What it costs
//!
//! Some ten instructions if no subscriber listens. Otherwise what the subscriber does with it: some 14,000 instructions a
//! request for `tracing_subscriber::fmt`, and 20,000 for the layer for spans of Sentry's SDK. The lines of [`logging`](crate::logging) and our
//! log event have the ids of the request without a span. [`sentry::tracing_layer`](crate::sentry::tracing_layer) ignores the
//! span. Sentry's own layer makes a child of our transaction of it, or a transaction if ours are off; it also gives each poll a
//! new scope, so that what a handler sets on the scope does not last.

use std::sync::Arc;

use crate::{
    facts::layer_kinds::LayerKinds,
    observe::{Engine, layer_methods},
};

/// Opens a span around each request.
///
/// See the [module docs](self) for its fields.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower::ServiceBuilder;
/// use tower_vitals::{RequestIdLayer, SpanLayer};
///
/// let layers = ServiceBuilder::new()
///     .layer(RequestIdLayer::new())
///     .layer(SpanLayer::new());
/// let app: Router = Router::new()
///     .route("/", get(|| async { tracing::info!("within the span") }))
///     .layer(layers);
/// ```
#[derive(Clone, Debug)]
pub struct SpanLayer {
    engine: Arc<Engine<()>>,
}

// === impl SpanLayer ===

impl SpanLayer {
    /// A layer that opens a span if the application's subscriber wants it.
    #[must_use]
    pub fn new() -> Self {
        let engine = Engine {
            own: LayerKinds::SPAN,
            ..Engine::default()
        };
        Self {
            engine: Arc::new(engine),
        }
    }
}

layer_methods!(SpanLayer, Unexamined);
