//! Puts our full stack around an application, each time with one thing that is off by default.

use std::io;

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, Request},
    http::Uri,
    middleware,
};
use tower::util::MapRequestLayer;
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, TraceContextLayer, Vitals, WebSocketSessions,
    access_log::{ClientAddress, PeerAddress},
    exclude::Rule,
    scrub::Scrubbing,
    timing::Severity,
};
use tracing::Level;
use tracing_subscriber::{Layer, layer::SubscriberExt};

use crate::ours::{build, full, full_json, install, json, sentry_options};

pub fn sizes(app: Router) -> Router {
    app.layer(build(Vitals::builder().body_sizes()).layer())
}

pub fn caught_panics(app: Router) -> Router {
    app.layer(build(Vitals::builder().catch_panics()).layer())
}

/// With a rule about a header that the request has, and another value.
pub fn header_rule(app: Router) -> Router {
    let probe = Rule::header_prefix("user-agent", "kube-probe/");
    app.layer(build(Vitals::builder().exclude_rules([probe])).layer())
}

pub fn label_and_prefix(app: Router) -> Router {
    let builder = Vitals::builder().label("region", "eu-1");
    app.layer(build(builder.metric_prefix("shop_")).layer())
}

pub fn admin_port(app: Router) -> Router {
    let builder = Vitals::builder().admin_addr("127.0.0.1:9000");
    app.layer(build(builder).layer())
}

pub fn watched_if_stuck(app: Router) -> Router {
    app.layer(build(Vitals::builder().log_stuck()).layer())
}

/// Whose id is also in the extensions of the request.
pub fn extension(app: Router) -> Router {
    let ids = RequestIdLayer::new().tower_http_extension(true);
    app.layer(build(Vitals::builder().request_id(ids)).layer())
}

/// Around a route whose own layer makes another id.
pub fn id_of_route(app: Router) -> Router {
    let ids = RequestIdLayer::new().make_with(|| "id-of-the-route".to_owned());
    full(app.layer(ids))
}

/// Around a route that has a level of its own.
pub fn level_of_route(app: Router) -> Router {
    let log = AccessLogLayer::new().level(|ended| ended.default_level());
    full_json(app.layer(log))
}

pub fn level_by_severity(app: Router) -> Router {
    let log = AccessLogLayer::new().level(|ended| match ended.severity() {
        Some(Severity::Slow) => Level::DEBUG,
        _ => ended.default_level(),
    });
    logged(app, log)
}

pub fn sample_that_writes(app: Router) -> Router {
    logged(app, AccessLogLayer::new().sample(|_| 1.0))
}

pub fn sample_that_leaves_out(app: Router) -> Router {
    let share = |severity| match severity {
        Some(Severity::Normal) => 0.0,
        _ => 1.0,
    };
    logged(
        app,
        AccessLogLayer::new().sample(move |ended| share(ended.severity())),
    )
}

pub fn user_agent_and_version(app: Router) -> Router {
    logged(app, AccessLogLayer::new().user_agent().http_version())
}

/// With the other end of the socket, as a server gives it.
pub fn peer(app: Router) -> Router {
    with_peer(full_json(app))
}

pub fn peer_in_log(app: Router) -> Router {
    let log = AccessLogLayer::new().client_address(ClientAddress::Peer);
    with_peer(logged(app, log))
}

/// With the entry that a proxy wrote.
pub fn proxy(app: Router) -> Router {
    with_proxy(full_json(app))
}

pub fn client_of_proxy_in_log(app: Router) -> Router {
    let address = ClientAddress::XForwardedFor { hops: 1 };
    with_proxy(logged(app, AccessLogLayer::new().client_address(address)))
}

/// With a query, of which one value is a secret.
pub fn query(app: Router) -> Router {
    with_query(full_json(app))
}

pub fn query_in_log(app: Router) -> Router {
    let log = AccessLogLayer::new().query(Scrubbing::new());
    with_query(logged(app, log.expect("no keys")))
}

/// With a middleware that does nothing.
pub fn middleware(app: Router) -> Router {
    let pass = async |request: Request, next: middleware::Next| next.run(request).await;
    full(app.layer(middleware::from_fn(pass)))
}

/// With a middleware that takes each request for a session.
pub fn sessions(app: Router) -> Router {
    let vitals = build(Vitals::builder());
    let sessions = vitals.websocket_sessions();
    let pass =
        move |request: Request, next: middleware::Next| in_session(sessions.clone(), request, next);
    app.layer(middleware::from_fn(pass)).layer(vitals.layer())
}

pub fn traces(app: Router) -> Router {
    let traces = TraceContextLayer::new();
    app.layer(build(Vitals::builder().trace_context(traces)).layer())
}

/// With the headers of Zipkin, and a header on the response.
pub fn all_of_traces(app: Router) -> Router {
    let traces = TraceContextLayer::new().b3(true).response_header("x-trace");
    let traces = traces.expect("a good name");
    app.layer(build(Vitals::builder().trace_context(traces)).layer())
}

pub fn spans(app: Router) -> Router {
    app.layer(build(Vitals::builder().span()).layer())
}

/// With the lines of a `fmt` subscriber, which has no line of its own here.
pub fn spans_for_fmt(app: Router) -> Router {
    let filter = tracing_subscriber::filter::filter_fn(|metadata| metadata.is_span());
    let layer = tracing_subscriber::fmt::layer().with_writer(io::sink);
    install(tracing_subscriber::registry().with(layer.with_filter(filter)));
    spans(app)
}

/// Without the breadcrumbs of Sentry's own layer.
pub fn spans_for_sentry(app: Router) -> Router {
    let layer = sentry::integrations::tracing::SpanLayer::new();
    install(tracing_subscriber::registry().with(layer));
    spans(app)
}

/// In a span of a tracer that gives its spans to nobody.
#[cfg(feature = "opentelemetry")]
pub fn spans_for_opentelemetry(app: Router) -> Router {
    crate::tracer::install();
    let builder = Vitals::builder().trace_context(TraceContextLayer::new());
    app.layer(build(builder.span()).layer())
}

pub fn transactions(app: Router) -> Router {
    let vitals = Vitals::builder().sentry(sentry_options().transactions());
    app.layer(vitals.build().expect("good settings").layer())
}

async fn in_session(
    sessions: WebSocketSessions,
    request: Request,
    next: middleware::Next,
) -> axum::response::Response {
    let session = sessions.begin().run(next.run(request));
    session.await.expect("no shutdown")
}

fn logged(app: Router, log: AccessLogLayer) -> Router {
    json();
    app.layer(build(Vitals::builder().access_log(log)).layer())
}

fn with_peer(app: Router) -> Router {
    let peer = PeerAddress("192.0.2.1:4711".parse().expect("an address"));
    changed(app, move |request| {
        request.extensions_mut().insert(peer);
    })
}

fn with_proxy(app: Router) -> Router {
    let entry = "203.0.113.7".parse::<axum::http::HeaderValue>();
    let entry = entry.expect("a value");
    changed(app, move |request| {
        let headers = request.headers_mut();
        headers.insert("x-forwarded-for", entry.clone());
    })
}

fn with_query(app: Router) -> Router {
    let target = Uri::from_static("/hello/42?page=2&sort=price&token=0123456789abcdef");
    changed(app, move |request| {
        *request.uri_mut() = target.clone();
        // The router has kept the target as it came.
        request.extensions_mut().insert(OriginalUri(target.clone()));
    })
}

/// What each request is made of before it reaches the stack.
fn changed(
    app: Router,
    change: impl Fn(&mut Request<Body>) + Clone + Send + Sync + 'static,
) -> Router {
    app.layer(MapRequestLayer::new(move |mut request: Request<Body>| {
        change(&mut request);
        request
    }))
}
