//! Names one trace in Sentry and in all else, also over two services.

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Request, http::HeaderMap, routing::get};
use sentry::Level;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    TraceContextLayer, Vitals, exchange::Exchange, request_id::ForwardRequestIdLayer,
    sentry::SentryOptions,
};
use tracing_subscriber::layer::SubscriberExt;

use super::{SPAN, TRACE, ids};
use crate::{
    sentry::LONG,
    support::{
        dsn::{Answer, Dsn},
        requests,
        server::Server,
    },
};

fn vitals(dsn: &Dsn, transactions: bool) -> Vitals {
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let options = match transactions {
        true => options.transactions().sample_rate(1.0).unwrap(),
        false => options,
    };
    Vitals::builder()
        .isolated()
        .sentry(options)
        .trace_context(TraceContextLayer::new())
        .span()
        .build()
        .unwrap()
}

async fn call(url: &str) {
    let service = service_fn(async |request: Request| {
        let sent = request.headers().clone();
        Ok::<HeaderMap, Infallible>(sent)
    });
    let client = ForwardRequestIdLayer::new().layer(service);
    let sent = client.oneshot(Request::new(Body::empty())).await.unwrap();
    let request = reqwest::Client::new().get(url).headers(sent);
    request.send().await.unwrap();
}

#[tokio::test]
async fn an_event_has_the_trace_and_the_span_of_its_request() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = vitals(&dsn, false);
    let handler = async || {
        sentry::capture_message("here", Level::Info);
        Exchange::current()
            .unwrap()
            .trace()
            .unwrap()
            .span_id()
            .to_owned()
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let request = Request::builder().header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    let answer = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let span = requests::text(answer.into_body()).await;
    vitals.flush(LONG);
    let events = dsn.events();
    let trace = &events[0]["contexts"]["trace"];
    assert_eq!(trace["trace_id"], TRACE);
    assert_eq!(trace["span_id"], span);
    assert_eq!(trace["parent_span_id"], SPAN);
}

#[tokio::test]
async fn transactions_of_two_services_are_one_trace() {
    let dsn = Dsn::start(Answer::Status(200));
    let inner = vitals(&dsn, true);
    let app = Router::new()
        .route("/inner", get(async || ()))
        .layer(inner.layer());
    let server = Server::start(app).await;
    let url = format!("http://{}/inner", server.address);
    let outer = vitals(&dsn, true);
    let handler = async move || {
        call(&url).await;
        Exchange::current()
            .unwrap()
            .trace()
            .unwrap()
            .traceparent()
            .to_owned()
    };
    let app = Router::new()
        .route("/outer", get(handler))
        .layer(outer.layer());
    for callers in [None, Some(format!("00-{TRACE}-{SPAN}-01"))] {
        let request = Request::builder().uri("/outer");
        let request = match &callers {
            Some(trace) => request.header("traceparent", trace),
            None => request,
        };
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap());
        let own = requests::text(answer.await.unwrap().into_body()).await;
        let (trace, span) = ids(&own);
        inner.flush(LONG);
        outer.flush(LONG);
        let sent = dsn.items("transaction");
        let find = |route: &str| {
            let mut of_trace = sent.iter().filter(|sent| {
                sent["transaction"] == route && sent["contexts"]["trace"]["trace_id"] == trace
            });
            let only = of_trace.next().unwrap();
            assert!(of_trace.next().is_none(), "{sent:?}");
            only["contexts"]["trace"].clone()
        };
        assert_eq!(find("/outer")["span_id"], span);
        assert_eq!(find("/inner")["parent_span_id"], span);
        if callers.is_some() {
            assert_eq!(trace, TRACE);
            assert_eq!(find("/outer")["parent_span_id"], SPAN);
        }
    }
}

#[tokio::test]
async fn with_sentrys_own_layer_a_request_is_one_transaction() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = vitals(&dsn, true);
    let app = Router::new()
        .route("/orders/{id}", get(async || ()))
        .layer(vitals.layer());
    let spans = sentry::integrations::tracing::SpanLayer::new();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans));
    requests::send(&app, requests::get("/orders/7")).await;
    vitals.flush(LONG);
    let sent = dsn.items("transaction");
    let [only] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!(only["transaction"], "/orders/{id}");
    let spans = only["spans"].as_array().unwrap();
    let spans: Vec<_> = spans.iter().map(|span| &span["description"]).collect();
    assert_eq!(spans, ["request"]);
}
