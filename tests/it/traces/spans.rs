//! Opens one span around each request, however it ends.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    routing::get,
};
use futures::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::Response;
use std::panic::AssertUnwindSafe;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, SpanLayer, TimingLayer, TraceContextLayer, Vitals,
    exchange::Exchange,
    metrics::{Settings, Sink},
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    layer::{Context as LayerContext, SubscriberExt},
    registry::{self, LookupSpan},
};

use crate::support::{panics::silence_panics_that_were_asked_for, requests};

/// The fields of a span, and how often it was recorded.
#[derive(Clone, Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}").trim_matches('"').to_owned();
        let before = self.0.insert(field.name().to_owned(), value);
        assert!(before.is_none(), "{field} was recorded twice");
    }
}

/// What a subscriber sees of our spans, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn push(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Seen {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        cx: LayerContext<'_, S>,
    ) {
        let span = cx.span(id).unwrap();
        if span.metadata().target() != "tower_vitals" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
        // The exchange is current.
        assert!(Exchange::current().is_some());
        self.push(format!("{} opens", span.name()));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, cx: LayerContext<'_, S>) {
        if let Some(fields) = cx.span(id).unwrap().extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, cx: LayerContext<'_, S>) {
        let parent = cx.event_span(event).map(|span| span.name());
        let kind = match event.metadata().target() {
            "tower_vitals" => "log event",
            _ => "line",
        };
        self.push(format!("{kind} in {parent:?}"));
    }

    fn on_close(&self, id: span::Id, cx: LayerContext<'_, S>) {
        let span = cx.span(&id).unwrap();
        let extensions = span.extensions();
        if let Some(Fields(fields)) = extensions.get() {
            let shown: Vec<_> = ["request_id", "method", "endpoint", "trace_id", "status"]
                .iter()
                .map(|name| match (*name, fields.get(*name)) {
                    ("request_id" | "trace_id", Some(_)) => (*name).to_owned(),
                    (_, Some(value)) => value.clone(),
                    (name, None) => format!("no {name}"),
                })
                .collect();
            self.push(format!("closes: {}", shown.join(" ")));
        }
    }
}

fn application(vitals: &Vitals) -> Router {
    let drip = async || {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"."))]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let lines = async || {
        tracing::info!("handler");
        let body = stream::iter([0]).map(|_| {
            tracing::info!("body");
            Ok::<_, Infallible>(Bytes::from_static(b"."))
        });
        Body::from_stream(body)
    };
    let broken =
        async || Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("x"))]));
    Router::new()
        .route("/lines/{id}", get(lines))
        .route("/500", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/never", get(std::future::pending::<()>))
        .route("/drip", get(drip))
        .route("/broken", get(broken))
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer())
}

#[tokio::test]
async fn a_span_is_around_each_request_until_its_event_is_written() {
    silence_panics_that_were_asked_for();
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = Vitals::builder()
        .isolated()
        .trace_context(TraceContextLayer::new())
        .span()
        .build()
        .unwrap();
    let app = application(&vitals);
    seen.take();
    let event = r#"log event in Some("request")"#;
    let line = r#"line in Some("request")"#;
    requests::send(&app, requests::get("/lines/7")).await;
    let closes = |endpoint: &str, status: u16| {
        format!("closes: request_id GET {endpoint} trace_id {status}")
    };
    let expected = [
        "request opens",
        line,
        line,
        event,
        &closes("/lines/{id}", 200),
    ];
    assert_eq!(seen.take(), expected);
    for (path, status) in [("/500", 500), ("/broken", 200)] {
        requests::send(&app, requests::get(path)).await;
        assert_eq!(seen.take(), ["request opens", event, &closes(path, status)]);
    }
    let panics = app.clone().oneshot(requests::get("/panic"));
    assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
    assert_eq!(
        seen.take(),
        ["request opens", event, &closes("/panic", 500)]
    );
    requests::leave(app.clone().oneshot(requests::get("/never"))).await;
    assert_eq!(
        seen.take(),
        ["request opens", event, &closes("/never", 499)]
    );
    let answer = app.clone().oneshot(requests::get("/drip")).await.unwrap();
    let mut body = answer.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(seen.take(), ["request opens", event, &closes("/drip", 200)]);
    // Without a route there is none to name.
    requests::send(&app, requests::get("/lost")).await;
    let lost = "closes: request_id GET no endpoint trace_id 404";
    assert_eq!(seen.take(), ["request opens", event, lost]);
}

#[tokio::test]
async fn a_layer_of_its_own_knows_what_stands_around_it() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let metrics = Settings::new().isolated().unwrap();
    let service = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(SpanLayer::new().metrics(metrics.clone()))
        .layer(AccessLogLayer::new().metrics(metrics.clone()))
        .layer(TimingLayer::new().metrics(metrics))
        .service(service_fn(async |_: Request| {
            tracing::info!("handler");
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    service.oneshot(requests::get("/")).await.unwrap();
    let expected = [
        "request opens",
        r#"line in Some("request")"#,
        r#"log event in Some("request")"#,
        "closes: request_id GET no endpoint no trace_id 200",
    ];
    assert_eq!(seen.take(), expected);
}

/// Panics whenever it is told of a span.
struct Hostile;

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Hostile {
    fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: LayerContext<'_, S>) {
        let before = OPENED.with(|opened| opened.replace(opened.get() + 1));
        assert!(before > 0, "as asked");
    }

    fn on_enter(&self, _: &span::Id, _: LayerContext<'_, S>) {
        panic!("as asked");
    }

    fn on_exit(&self, _: &span::Id, _: LayerContext<'_, S>) {
        panic!("as asked");
    }

    fn on_record(&self, _: &span::Id, _: &span::Record<'_>, _: LayerContext<'_, S>) {
        panic!("as asked");
    }

    fn on_close(&self, _: span::Id, _: LayerContext<'_, S>) {
        panic!("as asked");
    }
}

thread_local! {
    static OPENED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[tokio::test]
async fn a_subscriber_that_panics_at_each_span_costs_no_request() {
    silence_panics_that_were_asked_for();
    let subscriber = registry::Registry::default().with(Hostile);
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = Vitals::builder().isolated().span().build().unwrap();
    let app = application(&vitals);
    for _ in 0..3 {
        let status = requests::send(&app, requests::get("/lines/7")).await;
        assert_eq!(status, StatusCode::OK);
    }
    let totals = vitals.metrics().totals();
    assert_eq!(totals.started, 3);
    assert_eq!(totals.dropped(Sink::Log), 0);
}

#[tokio::test]
async fn without_a_subscriber_there_is_no_span() {
    let metrics = Settings::new().isolated().unwrap();
    let service = service_fn(async |_: Request| {
        assert!(tracing::Span::current().is_none());
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let service = SpanLayer::new().metrics(metrics).layer(service);
    service.oneshot(requests::get("/")).await.unwrap();
}
