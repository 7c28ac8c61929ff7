//! What each layer, and all of them together, add to a service that does next to nothing.
//!
//! Run `cargo bench --manifest-path benches/Cargo.toml --bench layers`; with `-- --quick` for a first look. Each row includes the row `bare`. The program in `src`, beside
//! this file, counts instructions and allocations, and measures what others use today.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up should end"
)]

use std::{io, sync::Arc};

use axum::{Router, body::Body, http::Request, routing::get};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt;
use sentry::{Client, ClientOptions, Envelope, Hub, Transport};
use tokio::runtime::{self, Runtime};
use tower::Service;
use tower_vitals::{
    AccessLogLayer, ErrorCategoryLayer, RequestIdLayer, SentryScopeLayer, TimingLayer, Vitals,
    logging::{self, Format},
    metrics::Settings,
    sentry::{SentryOptions, guard},
    vitals::VitalsBuilder,
};
use tracing::subscriber;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt};

criterion_group!(benches, layers);
criterion_main!(benches);

/// Takes what would be sent, and drops it.
struct Discard;

fn layers(criterion: &mut Criterion) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut group = criterion.benchmark_group("layers");
    let mut measure = |name: &str, mut app: Router| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                request,
                |request| exchange(&runtime, &mut app, request),
                BatchSize::SmallInput,
            );
        });
    };
    let metrics = || Settings::new().isolated().expect("good settings");

    measure("bare", app());
    measure("request id", app().layer(RequestIdLayer::new()));
    measure("timing", app().layer(TimingLayer::new().metrics(metrics())));
    measure(
        "category",
        app().layer(ErrorCategoryLayer::new().metrics(metrics())),
    );
    subscriber::with_default(json(), || {
        measure("access log, JSON", app().layer(AccessLogLayer::new()));
    });

    bind_sentry();
    measure("Sentry scope", app().layer(SentryScopeLayer::new()));
    measure("stack", app().layer(stack(Vitals::builder()).layer()));
    subscriber::with_default(json(), || {
        measure("stack, JSON", app().layer(stack(Vitals::builder()).layer()));
    });
    let excluding = stack(Vitals::builder().exclude(["/hello/"]));
    measure("stack, excluded path", app().layer(excluding.layer()));
}

fn app() -> Router {
    Router::new().route("/hello/{name}", get(async || "hello\n"))
}

fn stack(builder: VitalsBuilder) -> Vitals {
    let sentry = SentryOptions::current_client();
    builder
        .isolated()
        .sentry(sentry)
        .build()
        .expect("good settings")
}

/// The subscriber that writes lines, to nowhere.
fn json() -> impl tracing::Subscriber + Send + Sync {
    let lines = logging::layer(Format::Json, io::sink, false);
    Registry::default().with(lines.with_filter(EnvFilter::new("info")))
}

/// A client that would send, for every hub that is made from now on.
fn bind_sentry() {
    let options = ClientOptions::new()
        .dsn("http://public@127.0.0.1:1/1")
        .transport(Arc::new(Discard));
    Hub::main().bind_client(Some(Arc::new(Client::from(guard(options)))));
}

fn request() -> Request<Body> {
    Request::builder()
        .uri("/hello/world")
        .header("host", "shop.example")
        .header("user-agent", "curl/8.14.1")
        .header("accept", "*/*")
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .expect("a request")
}

/// From the request to the end of the response's body.
fn exchange(runtime: &Runtime, app: &mut Router, request: Request<Body>) {
    runtime.block_on(async {
        let response = app.call(request).await.expect("a response");
        response.into_body().collect().await.expect("a body");
    });
}

// === impl Discard ===

impl Transport for Discard {
    fn send_envelope(&self, _: Envelope) {}
}
