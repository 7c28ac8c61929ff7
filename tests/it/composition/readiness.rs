//! Keeps the contract of `poll_ready`.

use std::{
    convert::Infallible,
    future::{Ready, ready},
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
};
use http_body_util::Full;
use tokio::time;
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, service_fn,
};
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, TimingLayer,
    exclude::{ExcludeLayer, Patterns},
    metrics::Settings,
    plumbing::Examined,
};

use crate::support::{requests, stacks::isolated};

/// Must be made ready before each call, also after a clone; panics if it is called before that.
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
        .layer(AccessLogLayer::new())
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
    // The first is dropped between `poll_ready` and `call`: its permit returns and wakes the second.
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
            Response<tower_vitals::plumbing::ResponseBody<Full<Bytes>, Examined>>,
            BoxError,
        > for Twice
    {
        type Future = Ready<()>;
        fn retry(
            &mut self,
            _: &mut Request<()>,
            result: &mut Result<
                Response<tower_vitals::plumbing::ResponseBody<Full<Bytes>, Examined>>,
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
    // A ready service holds the one permit. The probe runs without it, so that any clone can take it.
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
    // The permit is taken, so another request waits.
    let mut other = service.clone();
    assert!(futures::poll!(Box::pin(other.ready())).is_pending());
    // It waits in the queue as long as it lives.
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
