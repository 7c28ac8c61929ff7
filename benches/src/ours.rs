//! Puts our layers around an application, each alone and all together.

use std::io;

use axum::Router;
use tower_vitals::{
    AccessLogLayer, ErrorCategoryLayer, RequestIdLayer, SentryScopeLayer, TimingLayer,
    TraceContextLayer, Vitals,
    exclude::Rule,
    logging::{self, Format},
    metrics::Settings,
    sentry::{SentryOptions, guard, tracing_layer},
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

pub fn full_with_sizes(app: Router) -> Router {
    app.layer(build(Vitals::builder().body_sizes()).layer())
}

pub fn full_catching_panics(app: Router) -> Router {
    app.layer(build(Vitals::builder().catch_panics()).layer())
}

/// With a rule about a header that the request has, and another value.
pub fn full_with_rule(app: Router) -> Router {
    let probe = Rule::header_prefix("user-agent", "kube-probe/");
    app.layer(build(Vitals::builder().exclude_rules([probe])).layer())
}

pub fn full_with_labels(app: Router) -> Router {
    let builder = Vitals::builder().label("region", "eu-1");
    app.layer(build(builder.metric_prefix("shop_")).layer())
}

pub fn full_watching_stuck(app: Router) -> Router {
    app.layer(build(Vitals::builder().log_stuck()).layer())
}

/// Whose id is also in the extensions of the request.
pub fn full_with_extension(app: Router) -> Router {
    let ids = RequestIdLayer::new().tower_http_extension(true);
    app.layer(build(Vitals::builder().request_id(ids)).layer())
}

/// Around a route whose own layer makes another id.
pub fn full_with_id_of_route(app: Router) -> Router {
    let ids = RequestIdLayer::new().make_with(|| "id-of-the-route".to_owned());
    full(app.layer(ids))
}

/// Around a route that has a level of its own.
pub fn full_json_with_level_of_route(app: Router) -> Router {
    let log = AccessLogLayer::new().level(|ended| ended.default_level());
    full_json(app.layer(log))
}

/// With the headers of Zipkin, and a header on the response.
pub fn full_with_all_of_traces(app: Router) -> Router {
    let traces = TraceContextLayer::new().b3(true).response_header("x-trace");
    let traces = traces.expect("a good name");
    app.layer(build(Vitals::builder().trace_context(traces)).layer())
}

/// With the fields of the log that are off by default, but the address, which the requests of the benches do not have.
pub fn full_json_with_fields(app: Router) -> Router {
    json();
    let log = AccessLogLayer::new()
        .user_agent()
        .http_version()
        .sample(|_| 1.0);
    app.layer(build(Vitals::builder().access_log(log)).layer())
}

pub fn full_with_traces(app: Router) -> Router {
    let traces = TraceContextLayer::new();
    app.layer(build(Vitals::builder().trace_context(traces)).layer())
}

pub fn full_with_spans(app: Router) -> Router {
    app.layer(build(Vitals::builder().span()).layer())
}

/// With the lines of a `fmt` subscriber, which has no line of its own here.
pub fn full_with_spans_for_fmt(app: Router) -> Router {
    let filter = tracing_subscriber::filter::filter_fn(|metadata| metadata.is_span());
    let layer = tracing_subscriber::fmt::layer().with_writer(io::sink);
    install(tracing_subscriber::registry().with(layer.with_filter(filter)));
    full_with_spans(app)
}

/// Without the breadcrumbs of Sentry's own layer.
pub fn full_with_spans_for_sentry(app: Router) -> Router {
    let layer = sentry::integrations::tracing::SpanLayer::new();
    install(tracing_subscriber::registry().with(layer));
    full_with_spans(app)
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

fn build(builder: tower_vitals::vitals::VitalsBuilder) -> Vitals {
    let sentry = SentryOptions::new("http://public@localhost/1").expect("a good DSN");
    builder.sentry(sentry).build().expect("good settings")
}

/// As `logging::init` does; without a filter, h2 would log each of its frames.
fn json() {
    let layer = logging::layer(Format::Json, io::sink, false).with_filter(EnvFilter::new("info"));
    install(tracing_subscriber::registry().with(layer));
}

fn install(subscriber: impl tracing::Subscriber + Send + Sync) {
    tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
}
