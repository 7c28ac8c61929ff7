//! Takes the ids of an OpenTelemetry layer where there is one, so that two services show in one trace.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use http_body_util::Full;
use hyper::{Response, body::Bytes};
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::Value;
use tonic::{Code, transport::Channel};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    TraceContextLayer, Vitals, exchange::Exchange, logging::Format,
    request_id::ForwardRequestIdLayer, sentry::SentryOptions,
};
use tracing::{Instrument, instrument::WithSubscriber};
use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt};

use super::{SPAN, TRACE, ids};
use crate::{
    generated::{Req, probe_client::ProbeClient},
    probe,
    support::{
        dsn::{Answer, Dsn},
        lines::{Written, lines},
        requests,
        server::Server,
    },
};

/// A tracer whose spans can be read.
struct Tracer {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Tracer {
    fn start() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        Self { exporter, provider }
    }

    fn layer<S>(&self) -> impl tracing_subscriber::Layer<S>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        // Without the spans of hyper's own parts.
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("test"))
            .with_filter(LevelFilter::INFO)
    }

    fn spans(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap();
        self.exporter.reset();
        spans
    }
}

fn vitals() -> Vitals {
    Vitals::builder()
        .isolated()
        .trace_context(TraceContextLayer::new())
        .span()
        .build()
        .unwrap()
}

/// With Sentry as well, which keeps each transaction.
fn with_transactions(dsn: &Dsn) -> Vitals {
    let options = SentryOptions::new(&dsn.url()).unwrap();
    Vitals::builder()
        .isolated()
        .sentry(options.transactions().sample_rate(1.0).unwrap())
        .trace_context(TraceContextLayer::new())
        .span()
        .build()
        .unwrap()
}

/// Sends a request that logs and fails, and returns its one span, transaction and event.
async fn told(vitals: &Vitals, dsn: &Dsn, tracer: &Tracer, caller: bool) -> (SpanData, [Value; 2]) {
    let fails = async || {
        let span = sentry::configure_scope(|scope| scope.get_span()).unwrap();
        span.start_child("work", "inside").finish();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/bad", get(fails))
        .layer(vitals.layer());
    let request = Request::builder().uri("/bad");
    let request = match caller {
        true => request.header("traceparent", format!("00-{TRACE}-{SPAN}-01")),
        false => request,
    };
    requests::send(&app, request.body(Body::empty()).unwrap()).await;
    vitals.flush(Duration::from_secs(10));
    let spans: [SpanData; 1] = tracer.spans().try_into().unwrap();
    let told = ["transaction", "event"].map(|kind| {
        let mut items = dsn.items(kind);
        assert_eq!(items.len(), 1, "{items:#?}");
        items.remove(0)
    });
    let [span] = spans;
    (span, told)
}

#[tokio::test]
async fn a_transaction_of_sentry_has_the_ids_of_the_opentelemetry_span() {
    for caller in [false, true] {
        let (tracer, dsn) = (Tracer::start(), Dsn::start(Answer::Status(200)));
        let subscriber = tracing_subscriber::registry()
            .with(tracer.layer())
            .with(tower_vitals::sentry::tracing_layer());
        let _guard = tracing::subscriber::set_default(subscriber);
        let vitals = with_transactions(&dsn);
        let (span, told) = told(&vitals, &dsn, &tracer, caller).await;
        let trace = span.span_context.trace_id().to_string();
        assert_eq!(trace == TRACE, caller);
        for item in &told {
            let shown = &item["contexts"]["trace"];
            assert_eq!(shown["trace_id"], trace, "{item:#}");
            assert_eq!(shown["span_id"], span.span_context.span_id().to_string());
        }
        let [transaction, _] = told;
        assert_eq!(transaction["transaction"], "/bad");
        let parent = transaction["contexts"]["trace"].get("parent_span_id");
        assert_eq!(parent.and_then(Value::as_str), caller.then_some(SPAN));
        // What the handler makes is a part of it.
        assert_eq!(transaction["spans"][0]["trace_id"], trace);
        assert_eq!(transaction["spans"][0]["op"], "work");
    }
}

#[tokio::test]
async fn with_sentrys_own_layer_for_spans_the_transaction_keeps_its_spans() {
    let (tracer, dsn) = (Tracer::start(), Dsn::start(Answer::Status(200)));
    let spans = sentry::integrations::tracing::SpanLayer::new();
    let subscriber = tracing_subscriber::registry()
        .with(tracer.layer())
        .with(spans.with_filter(LevelFilter::INFO));
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = with_transactions(&dsn);
    let (_, [transaction, _]) = told(&vitals, &dsn, &tracer, false).await;
    let spans = transaction["spans"].as_array().unwrap();
    let mut operations: Vec<_> = spans.iter().map(|span| span["op"].as_str()).collect();
    operations.sort_unstable();
    let expected = [Some("tower_vitals::request"), Some("work")];
    assert_eq!(operations, expected, "{transaction:#}");
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut all = span.attributes.iter();
    let found = all.find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

/// Asks a server with the headers that a request of ours would have.
async fn call(url: String) {
    let mut headers = reqwest::header::HeaderMap::new();
    let service = service_fn(async |request: Request| {
        let sent = request.headers().clone();
        Ok::<_, Infallible>(sent)
    });
    let client = ForwardRequestIdLayer::new().layer(service);
    let sent = client.oneshot(Request::new(Body::empty())).await.unwrap();
    headers.extend(sent);
    let client = reqwest::Client::new();
    client.get(url).headers(headers).send().await.unwrap();
}

#[tokio::test]
async fn two_services_show_in_one_trace_over_http() {
    let tracer = Tracer::start();
    let subscriber = tracing_subscriber::registry().with(tracer.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let inner = vitals();
    let app = Router::new()
        .route("/items/{id}", get(async || "an item"))
        .layer(inner.layer());
    let inner = Server::start(app).await;
    let outer = vitals();
    let url = format!("http://{}/items/7", inner.address);
    let app = Router::new()
        .route("/orders", get(async move || call(url).await))
        .layer(outer.layer());
    for callers in [None, Some(format!("00-{TRACE}-{SPAN}-01"))] {
        let request = Request::builder().uri("/orders");
        let request = match &callers {
            Some(trace) => request.header("traceparent", trace),
            None => request,
        };
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
        let spans = tracer.spans();
        let [called, calling] = &spans[..] else {
            panic!("{spans:?}")
        };
        assert_eq!(
            (&*called.name, &*calling.name),
            ("GET /items/{id}", "GET /orders")
        );
        let trace = calling.span_context.trace_id();
        assert_eq!(called.span_context.trace_id(), trace);
        assert_eq!(called.parent_span_id, calling.span_context.span_id());
        match callers {
            Some(_) => {
                assert_eq!(trace.to_string(), TRACE);
                assert_eq!(calling.parent_span_id.to_string(), SPAN);
                assert!(calling.parent_span_is_remote);
            }
            None => assert_eq!(calling.parent_span_id, SpanId::INVALID),
        }
        for span in &spans {
            assert_eq!(span.span_kind, SpanKind::Server);
            assert_eq!(span.status, Status::Unset);
            assert_eq!(
                attribute(span, "http.response.status_code").as_deref(),
                Some("200")
            );
        }
        assert_eq!(
            attribute(called, "http.route").as_deref(),
            Some("/items/{id}")
        );
    }
}

#[tokio::test]
async fn a_grpc_call_joins_the_trace_and_its_failure_is_an_error() {
    let tracer = Tracer::start();
    let subscriber = tracing_subscriber::registry().with(tracer.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let inner = vitals();
    let app = Router::new()
        .route_service(probe::ROUTE, probe::service())
        .layer(inner.layer());
    let inner = Server::start(app).await;
    let channel = Channel::from_shared(format!("http://{}", inner.address)).unwrap();
    let channel = channel.connect().await.unwrap();
    let handler = async move || {
        let channel = ForwardRequestIdLayer::new().layer(channel);
        let mut client = ProbeClient::new(channel);
        let request = Req {
            status: Some(13),
            ..Req::default()
        };
        assert_eq!(
            client.unary(request).await.unwrap_err().code(),
            Code::Internal
        );
    };
    let outer = vitals();
    let app = Router::new()
        .route("/orders", get(handler))
        .layer(outer.layer());
    requests::send(&app, requests::get("/orders")).await;
    let spans = tracer.spans();
    let [called, calling] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(
        called.span_context.trace_id(),
        calling.span_context.trace_id()
    );
    assert_eq!(called.parent_span_id, calling.span_context.span_id());
    assert_eq!(
        attribute(called, "rpc.response.status_code").as_deref(),
        Some("13")
    );
    assert!(matches!(called.status, Status::Error { .. }), "{called:?}");
    assert_eq!(calling.status, Status::Unset);
}

#[tokio::test]
async fn lines_and_outbound_requests_have_the_ids_of_the_opentelemetry_span() {
    let tracer = Tracer::start();
    let written = Written::default();
    let lines_of = tower_vitals::logging::layer(
        Format::Json,
        {
            let written = written.clone();
            move || written.clone()
        },
        false,
    );
    let subscriber = tracing_subscriber::registry()
        .with(lines_of)
        .with(tracer.layer());
    let outer = vitals();
    let handler = async || {
        tracing::info!("handler");
        let exchange = Exchange::current().unwrap();
        let of_request = exchange.trace().unwrap().traceparent().to_owned();
        let inner = tracing::info_span!("inner");
        let within = async {
            let service = service_fn(async |request: Request| {
                let sent = request.headers()["traceparent"]
                    .to_str()
                    .unwrap()
                    .to_owned();
                Ok::<_, Infallible>(sent)
            });
            let client = ForwardRequestIdLayer::new().layer(service);
            client.oneshot(Request::new(Body::empty())).await.unwrap()
        };
        let sent = within.instrument(inner).await;
        format!("{of_request} {sent}")
    };
    let app = Router::new().route("/", get(handler)).layer(outer.layer());
    let answer = app
        .oneshot(requests::get("/"))
        .with_subscriber(subscriber)
        .await
        .unwrap();
    let text = requests::text(answer.into_body()).await;
    let (of_request, sent) = text.split_once(' ').unwrap();
    let spans = tracer.spans();
    let [inner, request] = &spans[..] else {
        panic!("{spans:?}")
    };
    let trace = request.span_context.trace_id().to_string();
    let span = request.span_context.span_id().to_string();
    assert_eq!(ids(of_request), (&*trace, &*span));
    let inner_span = inner.span_context.span_id().to_string();
    assert_eq!(ids(sent), (&*trace, &*inner_span));
    for line in lines(&written) {
        assert_eq!(line["trace_id"], trace, "{line}");
        assert_eq!(line["span_id"], span, "{line}");
        assert!(line["otel.kind"].is_null(), "{line}");
    }
}

#[tokio::test]
async fn the_span_of_a_layer_around_ours_is_the_requests() {
    let tracer = Tracer::start();
    let subscriber = tracing_subscriber::registry().with(tracer.layer());
    let vitals = Vitals::builder()
        .isolated()
        .trace_context(TraceContextLayer::new())
        .build()
        .unwrap();
    let handler = async |_: Request| {
        let exchange = Exchange::current().unwrap();
        let trace = exchange.trace().unwrap().traceparent().to_owned();
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(trace)))
    };
    let inner = vitals.layer().layer(service_fn(handler));
    let around = async move {
        let span = tracing::info_span!("theirs");
        let request = Request::builder().header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
        let request = request.body(Body::empty()).unwrap();
        let answer = span.in_scope(|| inner.oneshot(request)).instrument(span);
        requests::text(answer.await.unwrap().into_body()).await
    };
    let seen = around.with_subscriber(subscriber).await;
    let spans = tracer.spans();
    let [theirs] = &spans[..] else {
        panic!("{spans:?}")
    };
    let trace = theirs.span_context.trace_id().to_string();
    let span = theirs.span_context.span_id().to_string();
    assert_eq!(ids(&seen), (&*trace, &*span));
}
