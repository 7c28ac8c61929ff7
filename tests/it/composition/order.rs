//! Allows any layers in any order.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
    routing::get,
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService,
};
use tower_vitals::{
    AccessLogLayer, ErrorCategoryLayer, RequestIdLayer, SentryScopeLayer, SpanLayer, TimingLayer,
    TraceContextLayer, Vitals,
    exchange::Exchange,
    exclude::{ExcludeLayer, Patterns},
};

use crate::{
    faults::FaultLayer,
    support::{application, requests, stacks::isolated},
};

type Boxed = BoxCloneSyncService<Request, Response, BoxError>;

/// Puts the layer with this number around a boxed service.
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
        2 => boxed(AccessLogLayer::new().metrics(metrics).layer(inner)),
        3 => boxed(vitals.layer().layer(inner)),
        4 => boxed(ErrorCategoryLayer::new().metrics(metrics).layer(inner)),
        5 => boxed(SentryScopeLayer::new().metrics(metrics).layer(inner)),
        6 => boxed(SpanLayer::new().metrics(metrics).layer(inner)),
        7 => boxed(TraceContextLayer::new().metrics(metrics).layer(inner)),
        _ => boxed(ExcludeLayer::new(RequestIdLayer::new(), Patterns::default()).layer(inner)),
    }
}

/// The inner service: the faulty routes behind a layer that can fail.
fn innermost() -> Boxed {
    let routes = application::routes(Default::default());
    BoxCloneSyncService::new(FaultLayer.layer(routes))
}

/// Sends one request of each kind; each ends in its own way.
async fn send_every_kind(service: Boxed) {
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
    // Who keeps spans.
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry());
    let subsets = (0..512_u32).map(|set| (0..9).filter(|at| set & (1 << at) != 0).collect());
    let orders = (0..50).map(|_| {
        let mut order: Vec<usize> = vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7];
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
        send_every_kind(service).await;
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

/// Does not compile if a layer requires more than it needs.
#[tokio::test]
async fn layers_find_the_same_exchange_behind_a_buffer() {
    let outer = Vitals::builder().isolated().exclude(["/quiet"]);
    let (outer, inner) = (outer.build().unwrap(), isolated());
    // The inner service is called on a task of the buffer's own, which has no thread-local of the caller.
    let service = ServiceBuilder::new()
        .layer(outer.layer())
        .buffer(4)
        .layer(inner.layer())
        .service(service_fn(async |request: Request| {
            let header = request.headers().get("x-request-id");
            let current = Exchange::current();
            let id = current.as_ref().and_then(|exchange| exchange.id());
            assert_eq!(header.map(|id| id.as_bytes()), id.map(str::as_bytes));
            assert_eq!(id.is_some(), request.uri().path() == "/loud");
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    for path in ["/loud", "/quiet", "/loud"] {
        let answer = service.clone().oneshot(requests::get(path)).await;
        let headers = answer.unwrap().into_parts().0.headers;
        let ids = headers.get_all("x-request-id").iter().count();
        assert_eq!(ids, usize::from(path == "/loud"), "{path}");
    }
    let [outer, inner] = [outer, inner].map(|vitals| vitals.metrics().totals());
    assert_eq!((outer.started, outer.completed, outer.excluded), (2, 2, 1));
    assert_eq!((inner.started, inner.excluded), (0, 0));
}

#[test]
fn bodies_and_futures_of_any_kind_are_served_and_stay_send() {
    fn is_send<T: Send>(_: &T) {}
    let vitals = isolated();
    // A body that is not `Sync`, a future that is not `Unpin`, and a boxed error.
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
