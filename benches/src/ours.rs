//! Puts our layers around an application, each alone and all together.

use std::io;

use axum::Router;
use tower_vitals::{
    AccessLogLayer, ErrorCategoryLayer, RequestIdLayer, SentryScopeLayer, TimingLayer, Vitals,
    logging::{self, Format},
    metrics::Settings,
    sentry::{SentryOptions, guard, tracing_layer},
    vitals::VitalsBuilder,
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt};

use crate::peers;

pub fn request_id(app: Router) -> Router {
    app.layer(RequestIdLayer::new())
}

pub fn timing(app: Router) -> Router {
    let metrics = Settings::new().isolated().expect("good settings");
    app.layer(TimingLayer::new().metrics(metrics))
}

pub fn category(app: Router) -> Router {
    let metrics = Settings::new().isolated().expect("good settings");
    app.layer(ErrorCategoryLayer::new().metrics(metrics))
}

pub fn log(app: Router) -> Router {
    app.layer(AccessLogLayer::new())
}

/// With a client bound, and nothing to tell it.
pub fn sentry_scope(app: Router) -> Router {
    peers::bind_sentry(guard);
    app.layer(SentryScopeLayer::new())
}

pub fn full(app: Router) -> Router {
    app.layer(build(Vitals::builder()).layer())
}

pub fn without_sentry(app: Router) -> Router {
    let vitals = Vitals::builder().isolated().build();
    app.layer(vitals.expect("good settings").layer())
}

pub fn excluded(app: Router) -> Router {
    app.layer(build(Vitals::builder().exclude(["/hello/"])).layer())
}

pub fn full_json(app: Router) -> Router {
    json();
    full(app)
}

pub fn full_with_our_tracing_layer(app: Router) -> Router {
    install(tracing_subscriber::registry().with(tracing_layer()));
    full(app)
}

pub fn full_with_sentrys_tracing_layer(app: Router) -> Router {
    #[expect(deprecated, reason = "applications have it")]
    let layer = sentry::integrations::tracing::layer();
    install(tracing_subscriber::registry().with(layer));
    full(app)
}

pub fn log_json(app: Router) -> Router {
    json();
    log(app)
}

/// Room for this many endpoints; with it comes what renders them.
pub fn scraped(app: Router, endpoints: usize) -> (Router, impl Fn() -> String) {
    let vitals = build(Vitals::builder().endpoint_cap(endpoints));
    (app.layer(vitals.layer()), move || vitals.render())
}

pub(crate) fn build(builder: VitalsBuilder) -> Vitals {
    let vitals = builder.sentry(sentry_options()).build();
    vitals.expect("good settings")
}

pub(crate) fn sentry_options() -> SentryOptions {
    SentryOptions::new("http://public@localhost/1").expect("a good DSN")
}

/// As `logging::init` does; without a filter, h2 would log each of its frames.
pub(crate) fn json() {
    let layer = logging::layer(Format::Json, io::sink, false).with_filter(EnvFilter::new("info"));
    install(tracing_subscriber::registry().with(layer));
}

pub(crate) fn install(subscriber: impl tracing::Subscriber + Send + Sync) {
    tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
}
