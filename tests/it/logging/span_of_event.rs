//! Puts the event of a request into the span in which it ran, however it ended.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tower::{Service, ServiceExt};
use tower_vitals::{Vitals, exchange::Exchange};
use tracing::{Instrument, Span, Subscriber, instrument::WithSubscriber, span};
use tracing_subscriber::{
    Layer,
    layer::{Context as LayerContext, SubscriberExt},
    registry::LookupSpan,
};

use crate::support::{panics::silence_panics_that_were_asked_for, requests, stacks::isolated};

/// What a subscriber sees, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn push(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_event(&self, event: &tracing::Event<'_>, context: LayerContext<'_, S>) {
        let fields = event.metadata().fields();
        if fields.field("outcome").is_some() || fields.field("age_ms").is_some() {
            let span = context.event_span(event).map(|span| span.name());
            self.push(format!("event in {span:?}"));
        }
    }

    fn on_close(&self, id: span::Id, context: LayerContext<'_, S>) {
        let name = context.span(&id).map(|span| span.name());
        self.push(format!("{name:?} closes"));
    }
}

/// A layer that has a span around each request, entered in one of the ways that layers have.
#[derive(Clone, Copy)]
enum Tracing {
    /// As tower-http: while the service is called and while its future is polled.
    CallAndPoll,
    /// As those that only instrument the future.
    Poll,
}

fn around<S>(
    inner: S,
    tracing: Tracing,
) -> impl Service<Request, Response = S::Response, Error = S::Error, Future: Send> + Clone
where
    S: Service<Request, Future: Send> + Clone,
{
    tower::service_fn(move |request| {
        let span = tracing::info_span!("outer");
        let mut inner = inner.clone();
        let call = match tracing {
            Tracing::CallAndPoll => span.in_scope(|| inner.call(request)),
            Tracing::Poll => inner.call(request),
        };
        call.instrument(span)
    })
}

fn application(vitals: &Vitals) -> Router {
    let never = async || tokio::time::sleep(Duration::from_secs(60)).await;
    let drip = async || {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"."))]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let broken =
        async || Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("x"))]));
    Router::new()
        .route("/ok", get(async || "well"))
        .route("/500", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/never", get(never))
        .route("/drip", get(drip))
        .route("/broken", get(broken))
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer())
}

#[tokio::test]
async fn the_event_is_in_its_span_and_the_span_closes_after_it() {
    silence_panics_that_were_asked_for();
    for tracing in [Tracing::CallAndPoll, Tracing::Poll] {
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        let vitals = isolated();
        let service = around(application(&vitals), tracing);
        let expected = [r#"event in Some("outer")"#, r#"Some("outer") closes"#];
        let call = |path: &str| service.clone().oneshot(requests::get(path));

        for path in ["/ok", "/500", "/broken"] {
            // The body is read outside of the span, as a server does.
            let answer = call(path).await.unwrap();
            let _ = answer.into_body().collect().await;
            assert_eq!(seen.take(), expected, "{path}");
        }
        requests::leave(call("/never")).await;
        assert_eq!(seen.take(), expected, "cancelled");
        let mut answer = call("/drip").await.unwrap();
        answer.body_mut().frame().await.unwrap().unwrap();
        drop(answer);
        assert_eq!(seen.take(), expected, "aborted");
        let panicked = tokio::spawn(call("/panic").with_current_subscriber()).await;
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(seen.take(), expected, "panicked");
    }
}

#[tokio::test]
async fn a_task_that_goes_on_does_not_keep_the_span_open() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = isolated();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let handler = async move || {
        let receiver = receiver.lock().unwrap().take().unwrap();
        let exchange = Exchange::current().unwrap();
        tokio::spawn(exchange.scope(async move {
            let _ = receiver.await;
        }));
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let answer = around(app, Tracing::CallAndPoll)
        .oneshot(requests::get("/"))
        .await;
    answer.unwrap().into_body().collect().await.unwrap();
    assert_eq!(
        seen.take(),
        [r#"event in Some("outer")"#, r#"Some("outer") closes"#]
    );
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_stuck_request_is_in_its_span() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    let service = around(application(&vitals), Tracing::CallAndPoll);
    let call = service.oneshot(requests::get("/never"));
    let left = tokio::time::timeout(Duration::from_secs(5), call).await;
    assert!(left.is_err());
    assert_eq!(
        seen.take(),
        [
            r#"event in Some("outer")"#,
            r#"event in Some("outer")"#,
            r#"Some("outer") closes"#
        ]
    );
}

#[tokio::test]
async fn without_a_span_the_event_has_none() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let vitals = isolated();
    requests::send(&application(&vitals), requests::get("/ok")).await;
    assert!(Span::current().is_none());
    assert_eq!(seen.take(), ["event in None"]);
}
