//! Says how often each layer allocates for one request, exactly; a process of its own, so that nobody else allocates.
//!
//! A number that changes here is a change that users pay for with every request: look for the allocation before you change the number.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, PoisonError},
};

use allocation_counter::measure;
use axum::body::Bytes;
use futures::executor::block_on;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, Uri, body::Body, header::HeaderValue};
use sentry::{ClientOptions, Hub, test::TestTransport};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::{Layer, Service, ServiceBuilder, layer::util::Identity, util::ServiceFn};
use tower_vitals::{
    ErrorCategoryLayer, LogLayer, RequestIdLayer, SentryScopeLayer, TimingLayer, Vitals,
    exclude::Patterns,
    sentry::{SentryOptions, guard},
};

type Answer = Result<Response<Full<Bytes>>, Infallible>;
type Answering = ServiceFn<fn(Request<()>) -> Ready<Answer>>;

/// What a browser sends: twelve headers.
const BROWSER: [(&str, &str); 12] = [
    ("host", "shop.example.org"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    ("accept", "text/html,application/xhtml+xml"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("connection", "keep-alive"),
    ("cookie", "theme=dark"),
    ("referer", "https://shop.example.org/"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("upgrade-insecure-requests", "1"),
];

/// Tests share the allocator's counters' thread, and one client is bound to the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn request() -> Request<()> {
    // As from hyper: slices of a buffer that is shared already.
    let mut request = Request::builder().uri(Uri::from_static("/orders/17"));
    for (name, value) in BROWSER {
        request = request.header(name, HeaderValue::from_static(value));
    }
    request.body(()).unwrap()
}

fn answer(_: Request<()>) -> Ready<Answer> {
    ready(Ok(Response::new(Full::from("an order"))))
}

/// The allocations of one request around which `layer` stands, after a hundred have made what is made once.
fn allocations<L, B>(layer: L) -> u64
where
    L: Layer<Answering>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let mut service = layer.layer(tower::service_fn(answer as fn(_) -> _));
    let mut send = |request| {
        block_on(async {
            let response = service.call(request).await.unwrap();
            response.into_body().collect().await.map(drop).unwrap();
        });
    };
    (0..100).for_each(|_| send(request()));
    let request = request();
    let mut request = Some(request);
    measure(|| request.take().into_iter().for_each(&mut send)).count_total
}

/// What `layer` adds to no layer at all.
fn added<L, B>(layer: L) -> u64
where
    L: Layer<Answering>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    allocations(layer) - allocations(Identity::new())
}

fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn each_layer_allocates_as_often_as_it_says() {
    let _alone = alone();
    let excluding = Vitals::builder().isolated().exclude(["/orders/"]);
    let whole = Vitals::builder().isolated();
    let patterns = Patterns::new(["/nothing/"]).unwrap();
    let measured = [
        ("timing", added(TimingLayer::new())),
        (
            "timing, with patterns",
            added(TimingLayer::new().exclude(patterns)),
        ),
        ("category", added(ErrorCategoryLayer::new())),
        ("log, without a subscriber", added(LogLayer::new())),
        ("request id", added(RequestIdLayer::new())),
        ("whole stack", added(whole.build().unwrap().layer())),
        ("excluded path", added(excluding.build().unwrap().layer())),
    ];
    let budgets = [
        ("timing", 4),
        ("timing, with patterns", 4),
        ("category", 4),
        ("log, without a subscriber", 4),
        ("request id", 10),
        ("whole stack", 10),
        ("excluded path", 4),
    ];
    assert_eq!(measured, budgets);
}

fn client(guarded: bool) -> Arc<sentry::Client> {
    let options = ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(TestTransport::new());
    Arc::new(sentry::Client::with_options(if guarded {
        guard(options)
    } else {
        options
    }))
}

#[test]
fn a_scope_for_sentry_costs_what_its_hub_does() {
    let _alone = alone();
    let timing = added(TimingLayer::new());
    let with = |client| {
        Hub::current().bind_client(client);
        let added = added(SentryScopeLayer::new()) - timing;
        Hub::current().bind_client(None);
        added
    };
    let measured = [
        ("no client", with(None)),
        ("a guarded client", with(Some(client(true)))),
        ("the application's own, as it is", with(Some(client(false)))),
    ];
    let budgets = [
        ("no client", 0),
        ("a guarded client", 2),
        ("the application's own, as it is", 6),
    ];
    assert_eq!(measured, budgets);
    let options = || SentryOptions::new("http://public@localhost/1").unwrap();
    let whole = |builder: tower_vitals::vitals::VitalsBuilder| {
        added(builder.isolated().build().unwrap().layer())
    };
    let without = whole(Vitals::builder());
    assert_eq!(
        whole(Vitals::builder().sentry(options())) - without,
        2,
        "our client"
    );
}

#[test]
fn in_whatever_order_requests_keep_nothing() {
    let _alone = alone();
    Hub::current().bind_client(Some(client(true)));
    let theirs = || {
        ServiceBuilder::new()
            .layer(NewSentryLayer::<Request<()>>::new_from_top())
            .layer(SentryHttpLayer::new())
    };
    fn kept<L, B>(layer: L) -> i64
    where
        L: Layer<Answering>,
        L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
        B: Body<Error = Infallible>,
    {
        let mut service = layer.layer(tower::service_fn(answer as fn(_) -> _));
        let mut send = || {
            block_on(async {
                let response = service.call(request()).await.unwrap();
                response.into_body().collect().await.map(drop).unwrap();
            });
        };
        (0..100).for_each(|_| send());
        measure(|| (0..5_000).for_each(|_| send())).bytes_current
    }
    assert_eq!(kept(SentryScopeLayer::new()), 0);
    assert_eq!(
        kept(
            ServiceBuilder::new()
                .layer(SentryScopeLayer::new())
                .layer(theirs())
        ),
        0
    );
    assert_eq!(
        kept(
            ServiceBuilder::new()
                .layer(theirs())
                .layer(SentryScopeLayer::new())
        ),
        0
    );
    Hub::current().bind_client(None);
}
