//! Puts around an application what people use today, each alone and all together.

use std::{io, sync::Arc};

use axum::{Router, body::Body, http::Request};
use axum_prometheus::PrometheusMetricLayer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use sentry::{Client, ClientOptions, Envelope, Hub, Transport};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::{ServiceBuilder, layer::util::Identity};
use tower_http::{
    classify::{ServerErrorsAsFailures, SharedClassifier},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span};

/// Takes what would be sent, and drops it.
struct Discard;

pub fn bare(app: Router) -> Router {
    app
}

pub fn nothing(app: Router) -> Router {
    app.layer(Identity::new())
}

pub fn nothing_five_times(app: Router) -> Router {
    (0..5).fold(app, |app, _| nothing(app))
}

/// At the defaults, which are `DEBUG`.
pub fn trace(app: Router) -> Router {
    app.layer(TraceLayer::new_for_http())
}

/// At `INFO`, so that there is a line to write.
pub fn trace_json(app: Router) -> Router {
    json();
    app.layer(
        TraceLayer::new_for_http()
            .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
            .on_response(DefaultOnResponse::new().level(Level::INFO)),
    )
}

pub fn request_id(app: Router) -> Router {
    app.layer(request_id_layer())
}

pub fn prometheus(app: Router) -> Router {
    let (layer, _) = PrometheusMetricLayer::pair();
    app.layer(layer)
}

/// With what renders the metrics.
pub fn scraped(app: Router) -> (Router, impl Fn() -> String) {
    let (layer, handle) = PrometheusMetricLayer::pair();
    (app.layer(layer), move || handle.render())
}

pub fn sentry_hub(app: Router) -> Router {
    bind_sentry(|options| options);
    app.layer(NewSentryLayer::<Request<Body>>::new_from_top())
}

pub fn sentry(app: Router) -> Router {
    bind_sentry(|options| options);
    app.layer(
        ServiceBuilder::new()
            .layer(NewSentryLayer::<Request<Body>>::new_from_top())
            .layer(SentryHttpLayer::new()),
    )
}

pub fn opentelemetry(app: Router) -> Router {
    opentelemetry::global::set_meter_provider(provider());
    let layer = LayerBuilder::builder().with_tracing(false).build();
    app.layer(layer.expect("good settings"))
}

pub fn tower_otel(app: Router) -> Router {
    app.layer(tower_otel::metrics::HttpLayer::server(
        &provider().meter("benches"),
    ))
}

/// One `Router::layer` after the other, as each crate's page shows it; the id outermost, so that spans and Sentry's events have it.
pub fn full(app: Router) -> Router {
    bind_sentry(|options| options);
    let (prometheus, _) = PrometheusMetricLayer::pair();
    app.layer(prometheus)
        .layer(SentryHttpLayer::new())
        .layer(NewSentryLayer::<Request<Body>>::new_from_top())
        .layer(trace_with_id())
        .layer(request_id_layer())
}

pub fn full_json(app: Router) -> Router {
    json();
    full(app)
}

/// The same in one piece, which axum boxes once.
pub fn full_in_one(app: Router) -> Router {
    bind_sentry(|options| options);
    let (prometheus, _) = PrometheusMetricLayer::pair();
    app.layer(
        ServiceBuilder::new()
            .layer(request_id_layer())
            .layer(trace_with_id())
            .layer(NewSentryLayer::<Request<Body>>::new_from_top())
            .layer(SentryHttpLayer::new())
            .layer(prometheus),
    )
}

pub fn full_in_one_json(app: Router) -> Router {
    json();
    full_in_one(app)
}

/// A client that would capture, for every hub of the process.
pub fn bind_sentry(options: impl FnOnce(ClientOptions) -> ClientOptions) {
    let discarding = ClientOptions::new()
        .dsn("http://public@127.0.0.1:1/1")
        .transport(Arc::new(Discard));
    Hub::main().bind_client(Some(Arc::new(Client::from(options(discarding)))));
}

fn request_id_layer() -> (SetRequestIdLayer<MakeRequestUuid>, PropagateRequestIdLayer) {
    let set = SetRequestIdLayer::x_request_id(MakeRequestUuid);
    (set, PropagateRequestIdLayer::x_request_id())
}

/// One line a request at `INFO`, in a span that has its id.
fn trace_with_id() -> TraceLayer<
    SharedClassifier<ServerErrorsAsFailures>,
    impl Fn(&Request<Body>) -> Span + Clone,
    DefaultOnRequest,
    DefaultOnResponse,
> {
    TraceLayer::new_for_http()
        .make_span_with(|request: &Request<Body>| {
            let id = request.extensions().get::<RequestId>();
            let id = id.and_then(|id| id.header_value().to_str().ok());
            tracing::info_span!("request", method = %request.method(), uri = %request.uri(), version = ?request.version(), request_id = id)
        })
        .on_response(DefaultOnResponse::new().level(Level::INFO))
}

fn json() {
    tracing_subscriber::fmt()
        .json()
        .with_max_level(Level::INFO)
        .with_writer(io::sink)
        .init();
}

/// One that aggregates, and is never read.
fn provider() -> SdkMeterProvider {
    SdkMeterProvider::builder()
        .with_reader(ManualReader::builder().build())
        .build()
}

// === impl Discard ===

impl Transport for Discard {
    fn send_envelope(&self, _: Envelope) {}
}
