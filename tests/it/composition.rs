//! Stands anywhere in a stack, in any order and number, and still counts once.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
    routing::get,
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tokio::time;
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, service_fn,
    util::BoxCloneSyncService,
};
use tower_vitals::{
    ErrorCategoryLayer, Examined, LogLayer, RequestIdLayer, SentryScopeLayer, TimingLayer, Vitals,
    exclude::{ExcludeLayer, Patterns},
    metrics::Settings,
    timing::SeverityBands,
};

use crate::support::{
    application, exposition::Exposition, requests, server::Server, stacks::isolated,
    waiting::settled,
};

/// Not ready until asked, again after each clone and call; panics where it is called unready.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request> for Strict {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert!(self.ready, "called a service that was not ready");
        self.ready = false;
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_that_is_called() {
    let vitals = isolated();
    let mut stack = ServiceBuilder::new()
        .layer(vitals.layer())
        .layer(RequestIdLayer::new())
        .layer(TimingLayer::new().metrics(vitals.metrics().clone()))
        .layer(LogLayer::new())
        .layer(ExcludeLayer::new(
            RequestIdLayer::new(),
            Patterns::new(["/quiet"]).unwrap(),
        ))
        .service(Strict::default());
    for n in 0..1_000 {
        let path = if n % 2 == 0 { "/quiet" } else { "/loud" };
        let request = requests::get(path);
        stack.ready().await.unwrap().call(request).await.unwrap();
    }
    let router = Router::new()
        .route_service("/", Strict::default())
        .layer(vitals.layer());
    let limited = ServiceBuilder::new()
        .buffer(4)
        .concurrency_limit(1)
        .layer(vitals.layer())
        .service(Strict::default());
    for _ in 0..1_000 {
        router
            .clone()
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        let response = limited.clone().oneshot(Request::new(Body::empty())).await;
        assert!(response.is_ok());
    }
    assert_eq!(vitals.metrics().totals().completed, 3_000);
}

#[tokio::test]
async fn back_pressure_passes_through_and_nothing_is_held_before_a_call() {
    let vitals = isolated();
    let limit = ServiceBuilder::new()
        .layer(vitals.layer())
        .concurrency_limit(1)
        .service(service_fn(|_: Request| async {
            Ok::<_, Infallible>(Response::<Full<Bytes>>::default())
        }));
    let mut first = limit.clone();
    let mut second = limit;
    first.ready().await.unwrap();
    let mut waiting = Box::pin(second.ready());
    assert!(futures::poll!(&mut waiting).is_pending());
    // Dropped between readiness and call: the permit returns and wakes the other.
    drop(first);
    time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(vitals.metrics().totals().started, 0);
}

#[tokio::test]
async fn a_readiness_error_is_the_services_own_and_has_its_own_counter() {
    #[derive(Clone)]
    struct NeverReady;
    impl Service<Request> for NeverReady {
        type Response = Response;
        type Error = String;
        type Future = Ready<Result<Response, String>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
            Poll::Ready(Err("no database".into()))
        }
        fn call(&mut self, _: Request) -> Self::Future {
            ready(Ok(Response::default()))
        }
    }
    let vitals = isolated();
    let mut service = vitals.layer().layer(NeverReady);
    let error = service.ready().await.err().unwrap();
    assert_eq!(error, "no database");
    let totals = vitals.metrics().totals();
    assert_eq!((totals.readiness_errors, totals.started), (1, 0));
}

type Boxed = BoxCloneSyncService<Request, Response, BoxError>;

/// The layer of a number, around a boxed service.
fn layer(number: usize, vitals: &Vitals, inner: Boxed) -> Boxed {
    fn boxed<S, B>(service: S) -> Boxed
    where
        S: Service<Request, Response = Response<B>, Error = BoxError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
    }
    let metrics = vitals.metrics().clone();
    match number {
        0 => boxed(RequestIdLayer::new().layer(inner)),
        1 => boxed(TimingLayer::new().metrics(metrics).layer(inner)),
        2 => boxed(LogLayer::new().metrics(metrics).layer(inner)),
        3 => boxed(vitals.layer().layer(inner)),
        4 => boxed(ErrorCategoryLayer::new().metrics(metrics).layer(inner)),
        5 => boxed(SentryScopeLayer::new().metrics(metrics).layer(inner)),
        _ => boxed(ExcludeLayer::new(RequestIdLayer::new(), Patterns::default()).layer(inner)),
    }
}

/// The inner service of a subset: the faulty routes behind a layer that can fail.
fn innermost() -> Boxed {
    let routes = application::routes(Default::default());
    BoxCloneSyncService::new(application::FaultLayer.layer(routes))
}

async fn thirteen_kinds(service: Boxed) {
    use futures::FutureExt;
    use std::panic::AssertUnwindSafe;
    let kinds = [
        ("GET", "/full"),
        ("GET", "/empty"),
        ("GET", "/stream"),
        ("GET", "/cl"),
        ("HEAD", "/stream"),
        ("GET", "/204"),
        ("GET", "/trailers"),
        ("GET", "/body-error"),
        ("GET", "/drip"),
        ("GET", "/panic"),
        ("GET", "/panic-body"),
        ("GET", "/panic-sync"),
        ("GET", "/service-error"),
        ("GET", "/hang/1"),
    ];
    for (method, path) in kinds {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let service = service.clone();
        let whole = AssertUnwindSafe(async move {
            let mut body = service.oneshot(request).await?.into_body();
            if path == "/drip" {
                let _first = body.frame().await;
                return Ok(());
            }
            body.collect().await.map(drop).map_err(BoxError::from)
        })
        .catch_unwind();
        if path == "/hang/1" {
            let mut whole = Box::pin(whole);
            for _ in 0..3 {
                assert!(futures::poll!(&mut whole).is_pending());
            }
        } else {
            let _ = whole.await;
        }
    }
}

#[tokio::test]
async fn any_subset_in_any_order_counts_each_request_once() {
    fastrand::seed(2);
    let transport = sentry::test::TestTransport::new();
    let options = sentry::ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(transport);
    let client = Arc::new(sentry::Client::with_options(options));
    sentry::Hub::current().bind_client(Some(client));
    let subsets = (0..128_u32).map(|set| (0..7).filter(|at| set & (1 << at) != 0).collect());
    let orders = (0..50).map(|_| {
        let mut order: Vec<usize> = vec![0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5];
        fastrand::shuffle(&mut order);
        order
    });
    for order in subsets.chain(orders) {
        let order: Vec<usize> = order;
        let vitals = isolated();
        let mut service = innermost();
        for number in &order {
            service = layer(*number, &vitals, service);
        }
        thirteen_kinds(service).await;
        let totals = vitals.metrics().totals();
        let counts = order.contains(&1) || order.contains(&3);
        let ended = |n| if counts { n } else { 0 };
        assert_eq!(totals.started, ended(14), "{order:?}");
        assert_eq!(
            [
                totals.completed,
                totals.body_error,
                totals.aborted,
                totals.cancelled,
                totals.error,
                totals.panicked,
                totals.in_flight
            ],
            [
                ended(7),
                ended(1),
                ended(1),
                ended(1),
                ended(1),
                ended(3),
                0
            ],
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn a_stack_on_the_router_and_on_a_nested_one_counts_once_with_one_id() {
    let vitals = isolated();
    let inner = Router::new()
        .route("/{a}", get(async || "inner"))
        .layer(vitals.layer());
    let app = Router::new().nest("/outer", inner).layer(vitals.layer());
    let server = Server::start(app).await;
    let response = server.http1().get("/outer/7").await.unwrap();
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
    response.into_body().collect().await.unwrap();
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.completed), (1, 1));
    let scrape = Exposition::of(&vitals);
    let endpoints = scrape.values("http_requests_total", "endpoint");
    assert_eq!(endpoints, ["/outer/{a}".to_owned()].into());
}

#[tokio::test]
async fn a_layer_outside_the_router_learns_the_route_from_one_inside() {
    for (inside, endpoint) in [(true, "/users/{id}"), (false, "unmatched")] {
        let vitals = isolated();
        let mut app = Router::new().route("/users/{id}", get(async || "a user"));
        if inside {
            app = app.layer(RequestIdLayer::new());
        }
        let service = vitals.layer().layer(app);
        let request = requests::get("/users/7");
        requests::send(&service, request).await;
        let scrape = Exposition::of(&vitals);
        let endpoints = scrape.values("http_requests_total", "endpoint");
        assert_eq!(endpoints, [endpoint.to_owned()].into());
    }
}

#[tokio::test]
async fn a_service_without_a_router_names_its_endpoint() {
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        let exchange = tower_vitals::exchange::Exchange::current().unwrap();
        exchange.name_endpoint("/v1/charge");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    service.oneshot(Request::new(())).await.unwrap();
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("http_requests_total", &[("endpoint", "/v1/charge")]),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_is_judged_by_its_own_layers_bands() {
    let ms = Duration::from_millis;
    let vitals = isolated();
    let patient =
        TimingLayer::new().bands(SeverityBands::new(ms(1_000), ms(2_000), ms(3_000)).unwrap());
    async fn pause() {
        time::sleep(Duration::from_millis(600)).await;
    }
    let app = Router::new()
        .route("/quick", get(pause))
        .route("/report", get(pause).layer(patient))
        .layer(vitals.layer());
    for path in ["/quick", "/report"] {
        let request = requests::get(path);
        app.clone().oneshot(request).await.unwrap();
    }
    let scrape = Exposition::of(&vitals);
    let severity = |endpoint, severity| {
        let labels = [("endpoint", endpoint), ("severity", severity)];
        scrape.sum("http_requests_by_severity_total", &labels)
    };
    assert_eq!(severity("/quick", "warning"), 1.0);
    assert_eq!(severity("/report", "normal"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn timeouts_retries_and_shed_load_are_counted_where_they_stand() {
    type Answer = Result<Response<Full<Bytes>>, BoxError>;
    async fn slow(_: Request<()>) -> Answer {
        time::sleep(Duration::from_secs(5)).await;
        Ok(Response::default())
    }
    let second = Duration::from_secs(1);
    let outside = isolated();
    let service = ServiceBuilder::new()
        .timeout(second)
        .layer(outside.layer())
        .service_fn(slow);
    assert!(service.oneshot(Request::new(())).await.is_err());
    assert_eq!(outside.metrics().totals().cancelled, 1);

    let inside = isolated();
    let service = ServiceBuilder::new()
        .layer(inside.layer())
        .timeout(second)
        .service_fn(slow);
    assert!(service.oneshot(Request::new(())).await.is_err());
    assert_eq!(inside.metrics().totals().error, 1);

    #[derive(Clone)]
    struct Twice(u8);
    impl
        tower::retry::Policy<
            Request<()>,
            Response<tower_vitals::ResponseBody<Full<Bytes>, Examined>>,
            BoxError,
        > for Twice
    {
        type Future = Ready<()>;
        fn retry(
            &mut self,
            _: &mut Request<()>,
            result: &mut Result<
                Response<tower_vitals::ResponseBody<Full<Bytes>, Examined>>,
                BoxError,
            >,
        ) -> Option<Ready<()>> {
            let again = result.is_err() && self.0 > 0;
            self.0 = self.0.saturating_sub(1);
            again.then(|| ready(()))
        }
        fn clone_request(&mut self, _: &Request<()>) -> Option<Request<()>> {
            Some(Request::new(()))
        }
    }
    let retried = isolated();
    let service = ServiceBuilder::new()
        .retry(Twice(2))
        .layer(retried.layer())
        .service_fn(|_: Request<()>| async { Answer::Err("broken".into()) });
    assert!(service.oneshot(Request::new(())).await.is_err());
    assert_eq!(retried.metrics().totals().error, 3, "one for each attempt");

    let shed = isolated();
    let service = ServiceBuilder::new()
        .layer(shed.layer())
        .load_shed()
        .concurrency_limit(1)
        .service_fn(slow);
    let (first, second) = tokio::join!(
        service.clone().oneshot(Request::new(())),
        service.oneshot(Request::new(()))
    );
    assert!(first.is_ok() && second.is_err());
    let totals = shed.metrics().totals();
    assert_eq!((totals.completed, totals.error), (1, 1));
}

/// Fails to compile where a layer asks for more than it needs.
#[test]
fn bodies_and_futures_of_any_kind_are_served_and_stay_send() {
    fn is_send<T: Send>(_: &T) {}
    let vitals = isolated();
    // A body that is not `Sync`, a future that is not `Unpin`, and errors of both extremes.
    let unsync = service_fn(|_: Request<std::cell::Cell<u8>>| async {
        Ok::<_, BoxError>(Response::new(UnsyncBoxBody::<Bytes, BoxError>::default()))
    });
    let future = vitals
        .layer()
        .layer(unsync)
        .oneshot(Request::new(std::cell::Cell::new(1)));
    is_send(&future);
    let boxed: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(future);
    futures::executor::block_on(boxed).unwrap();
    // In a router, around it, and around one of its routes.
    let _router: Router = Router::new()
        .route("/", get(async || ()).layer(vitals.layer()))
        .route_layer(vitals.layer())
        .layer(vitals.layer())
        .merge(vitals.routes());
}

#[test]
fn a_plain_executor_without_tokio_is_enough() {
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("no runtime")))
    }));
    futures::executor::block_on(async {
        requests::send(&service, Request::new(())).await;
    });
    assert_eq!(vitals.metrics().totals().completed, 1);
}

#[tokio::test]
async fn an_excluded_request_gives_the_permit_back_before_it_runs() {
    let running = Arc::new(AtomicUsize::new(0));
    let hold = Arc::new(tokio::sync::Semaphore::new(0));
    let inner = service_fn({
        let (running, hold) = (Arc::clone(&running), Arc::clone(&hold));
        move |request: Request<()>| {
            let (running, hold) = (Arc::clone(&running), Arc::clone(&hold));
            async move {
                running.fetch_add(1, Ordering::Relaxed);
                if request.uri() == "/busy" {
                    let _permit = hold.acquire().await;
                }
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        }
    });
    let limited = ExcludeLayer::new(
        ConcurrencyLimitLayer::new(1),
        Patterns::new(["/livez"]).unwrap(),
    );
    let mut service = limited.layer(inner);
    let at = |path: &str| Request::builder().uri(path).body(()).unwrap();
    let deadline = Duration::from_secs(10);
    // Ready holds the one permit; the probe runs without it, and the next request can have it, whoever brings it.
    let probe = service.ready().await.unwrap().call(at("/livez"));
    let mut elsewhere = service.clone();
    time::timeout(deadline, elsewhere.ready())
        .await
        .unwrap()
        .unwrap();
    drop(elsewhere);
    let busy = time::timeout(deadline, service.ready())
        .await
        .unwrap()
        .unwrap()
        .call(at("/busy"));
    let busy = tokio::spawn(busy);
    time::timeout(deadline, probe).await.unwrap().unwrap();
    while running.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    // With the permit taken, another request waits.
    let mut other = service.clone();
    assert!(futures::poll!(Box::pin(other.ready())).is_pending());
    // It stands in the queue for as long as it lives.
    drop(other);
    hold.add_permits(1);
    busy.await.unwrap().unwrap();
    time::timeout(deadline, service.ready())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn handles_dropped_while_requests_run_leave_nothing_behind() {
    let metrics = Settings::new().isolated().unwrap();
    let counted = Arc::new(());
    let layer = TimingLayer::new().metrics(metrics.clone());
    let service = layer.layer(service_fn({
        let counted = Arc::clone(&counted);
        move |_: Request<()>| {
            let counted = Arc::clone(&counted);
            async move {
                let _counted = counted;
                std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        }
    }));
    let mut running: Vec<_> = (0..100)
        .map(|_| Box::pin(service.clone().oneshot(Request::new(()))))
        .collect();
    for request in &mut running {
        assert!(futures::poll!(request).is_pending());
    }
    drop((layer, service));
    assert_eq!(metrics.totals().in_flight, 100);
    drop(running);
    let totals = metrics.totals();
    assert_eq!((totals.in_flight, totals.cancelled), (0, 100));
    assert_eq!(Arc::strong_count(&counted), 1);
}
