//! The service with what people use today: `TraceLayer`, request ids, axum-prometheus and sentry-tower.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_prometheus::PrometheusMetricLayer;
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::SubscriberExt, registry};

use crate::shop::{self, Signals};

/// The application. A process can have it once, because axum-prometheus installs the recorder of the process.
pub fn app(signals: Signals) -> Router {
    let (prometheus, metrics) = PrometheusMetricLayer::pair();
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request<Body>| {
            let id = request.extensions().get::<RequestId>();
            let id = id.and_then(|id| id.header_value().to_str().ok());
            tracing::info_span!(
                "request",
                method = %request.method(),
                uri = %request.uri(),
                request_id = id,
            )
        })
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(trace)
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(prometheus)
        .layer(NewSentryLayer::<Request<Body>>::new_from_top())
        .layer(SentryHttpLayer::new())
        .layer(CatchPanicLayer::new());
    shop::routes(get(pay), signals)
        .layer(layers)
        .route("/metrics", get(async move || metrics.render()))
}

/// The subscriber: JSON, and Sentry's own layer.
pub fn subscriber<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    #[expect(deprecated, reason = "applications have it")]
    let sentry = sentry::integrations::tracing::layer();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(writer)
        .with_filter(tracing_subscriber::filter::LevelFilter::INFO);
    registry().with(lines).with(sentry)
}

/// The error becomes a response here, so no layer sees it. Who wants it in the log writes it there.
async fn pay() -> Response {
    match shop::charge() {
        Ok(paid) => paid.into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot pay");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
