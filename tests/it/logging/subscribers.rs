//! Survives whatever a subscriber does.

use std::{
    convert::Infallible,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
};
use http_body_util::Full;
use hyper::Response;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, Vitals,
    metrics::{Metrics, Settings, Sink},
};
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    layer::{Context, SubscriberExt},
    registry,
};

use crate::support::stacks::isolated;

/// Refuses values that were formatted: they could hold the text of a client.
struct Typed;

impl Visit for Typed {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        assert_eq!(field.name(), "message", "{value:?}");
        assert_eq!(format!("{value:?}"), "request");
    }
    fn record_str(&mut self, _: &Field, _: &str) {}
    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_f64(&mut self, _: &Field, _: f64) {}
    fn record_bool(&mut self, _: &Field, _: bool) {}
}

/// Runs a closure on each event.
struct OnEvent<F>(F);

impl<S: Subscriber, F: Fn(&tracing::Event<'_>) + 'static> tracing_subscriber::Layer<S>
    for OnEvent<F>
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        (self.0)(event);
    }
}

fn once(metrics: &Metrics) -> impl AsyncFn() {
    let layer = (
        RequestIdLayer::new(),
        AccessLogLayer::new().metrics(metrics.clone()),
    );
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    async move || _ = service.clone().oneshot(Request::new(())).await.unwrap()
}

#[tokio::test]
async fn what_a_client_wrote_is_recorded_as_text_and_never_formatted() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry().with(OnEvent(|event: &tracing::Event<'_>| {
        event.record(&mut Typed)
    }));
    let _guard = tracing::subscriber::set_default(subscriber);
    once(&metrics)().await;
    assert_eq!(metrics.totals().dropped(Sink::Log), 0);
}

#[tokio::test]
async fn a_subscriber_that_panics_costs_the_event_and_is_counted() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry().with(OnEvent(|_: &tracing::Event<'_>| {
        panic::resume_unwind(Box::new(()))
    }));
    let guard = tracing::subscriber::set_default(subscriber);
    for n in 1..=3 {
        once(&metrics)().await;
        assert_eq!(metrics.totals().dropped(Sink::Log), n);
    }
    drop(guard);
    once(&metrics)().await;
    assert_eq!(metrics.totals().dropped(Sink::Log), 3, "written again");
}

#[tokio::test]
async fn a_hook_that_panics_while_the_handlers_panic_unwinds_does_not_abort() {
    use futures::FutureExt;
    let vitals = Vitals::builder()
        .isolated()
        .request_id(RequestIdLayer::new().make_with(|| panic::resume_unwind(Box::new(()))))
        .build()
        .unwrap();
    let subscriber = registry().with(OnEvent(|_: &tracing::Event<'_>| {
        panic::panic_any("as asked")
    }));
    let _guard = tracing::subscriber::set_default(subscriber);
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        if true {
            panic::resume_unwind(Box::new("the handler's"));
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    for n in 1..=3 {
        let payload = AssertUnwindSafe(service.clone().oneshot(Request::new(())))
            .catch_unwind()
            .await
            .err()
            .unwrap();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the handler's"));
        let totals = vitals.metrics().totals();
        assert_eq!(
            (
                totals.panicked,
                totals.hook_failures,
                totals.dropped(Sink::Log)
            ),
            (n, n, n)
        );
    }
}

#[tokio::test]
async fn a_subscriber_that_sends_requests_through_the_stack_does_not_recurse() {
    let metrics = Settings::new().isolated().unwrap();
    let inner = metrics.clone();
    let events = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&events);
    let subscriber = registry().with(OnEvent(move |_: &tracing::Event<'_>| {
        *counted.lock().unwrap() += 1;
        tracing::warn!("from within");
        futures::executor::block_on(once(&inner)());
    }));
    // `block_on` panics inside an executor of its own kind; tokio's executor is another kind.
    let _guard = tracing::subscriber::set_default(subscriber);
    once(&metrics)().await;
    assert_eq!(
        *events.lock().unwrap(),
        1,
        "tracing drops events from within an event"
    );
    assert_eq!(
        metrics.totals().dropped(Sink::Log),
        1,
        "the inner request's"
    );
}

#[test]
fn futures_and_bodies_may_outlive_the_runtime_and_their_thread() {
    thread_local! {
        static LAST: std::cell::RefCell<Vec<Box<dyn std::any::Any>>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let vitals = isolated();
    let stack = vitals.clone();
    std::thread::spawn(move || {
        // Created first, so that it is destroyed after the thread-locals of the stack.
        LAST.with(|last| last.borrow_mut().clear());
        let service = stack
            .layer()
            .layer(service_fn(|request: Request<()>| async move {
                if request.uri() == "/hang" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(Response::new(Body::from_stream(
                    futures::stream::pending::<Result<Bytes, Infallible>>(),
                )))
            }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let hanging = |n: usize| {
            let request = Request::builder().uri("/hang").body(()).unwrap();
            let mut hanging = Box::pin(service.clone().oneshot(request));
            let polled = runtime.block_on(async { futures::poll!(&mut hanging).is_pending() });
            assert!(polled, "{n}");
            hanging
        };
        // First drop: a thousand running requests on a plain thread, while the runtime still runs.
        let running: Vec<_> = (0..1_000).map(hanging).collect();
        std::thread::spawn(move || drop(running)).join().unwrap();
        // Second drop: a spawned request, at the end of the runtime.
        let request = Request::builder().uri("/hang").body(()).unwrap();
        runtime.spawn(service.clone().oneshot(request));
        let body = runtime
            .block_on(service.clone().oneshot(Request::new(())))
            .unwrap();
        let late = hanging(0);
        drop(runtime);
        // Third drop: in the destructor of a thread-local.
        LAST.with(|last| {
            last.borrow_mut()
                .extend([Box::new(body) as Box<dyn std::any::Any>, Box::new(late)])
        });
    })
    .join()
    .unwrap();
    let totals = vitals.metrics().totals();
    assert_eq!((totals.in_flight, totals.aborted), (0, 1));
    // The spawned request may never have been polled; then it has not started.
    assert_eq!(totals.cancelled, totals.started - 1);
    assert!(totals.started >= 1_002);
    // Two requests ended after the loggers of their thread were gone.
    assert_eq!(totals.dropped(Sink::Log), 2);
}

#[test]
fn a_level_that_is_off_costs_no_formatting_and_is_no_loss() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry()
        .with(OnEvent(|event: &tracing::Event<'_>| {
            assert_ne!(*event.metadata().level(), Level::INFO)
        }))
        .with(tracing_subscriber::filter::LevelFilter::ERROR);
    let _guard = tracing::subscriber::set_default(subscriber);
    let service = AccessLogLayer::new()
        .metrics(metrics.clone())
        .layer(service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    let times = |path: &'static [u8]| {
        let uri = hyper::Uri::from_maybe_shared(Bytes::from_static(path)).unwrap();
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        let service = service.clone();
        let allocated = allocation_counter::measure(|| {
            _ = futures::executor::block_on(service.oneshot(request));
        });
        allocated.count_total
    };
    times(b"/");
    // Formatting this path would allocate, because it must be escaped.
    assert_eq!(times(b"/\\"), times(b"/"));
    assert_eq!(metrics.totals().dropped(Sink::Log), 0);
}
