//! The service with tower-vitals.

use axum::{Router, routing::get};
use tower_vitals::{
    Failure, Vitals,
    config::ConfigError,
    logging::{self, Format},
    sentry::SentryOptions,
};
use tracing::Subscriber;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt, registry};

use crate::shop::{self, Signals};

/// What stands around the application. `isolated` is for the test: an application leaves it out.
///
/// # Errors
///
/// If a setting is not valid.
pub fn vitals() -> Result<Vitals, ConfigError> {
    Vitals::builder()
        .isolated()
        // In place of tower-http's `CatchPanicLayer`.
        .catch_panics()
        // The client that `main` has made with `sentry::init(guard(options))`.
        .sentry(SentryOptions::current_client())
        .build()
}

/// The application.
pub fn app(vitals: &Vitals, signals: Signals) -> Router {
    shop::routes(get(pay), signals)
        .layer(vitals.layer())
        .merge(vitals.routes())
}

/// The subscriber: JSON, and Sentry's layer without what tower-vitals logs.
pub fn subscriber<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    registry()
        .with(logging::layer(Format::Json, writer, false))
        .with(tracing_subscriber::filter::LevelFilter::INFO)
        .with(tower_vitals::sentry::tracing_layer())
}

/// `Failure` keeps the error for the log, the metrics and Sentry. The client sees a plain 500.
async fn pay() -> Result<&'static str, Failure> {
    Ok(shop::charge()?)
}
