//! Checks exactly how often each layer allocates for one request. It is a process of its own, so that no other test allocates.
//!
//! Users pay for each of these allocations with every request. Find a new allocation before you change a number.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::{
    alloc::System,
    backtrace::Backtrace,
    cell::RefCell,
    collections::BTreeMap,
    convert::Infallible,
    future::{Ready, ready},
    io,
    panic::catch_unwind,
    pin::Pin,
    sync::{Arc, Mutex, Once, PoisonError},
    task::{Context, Poll},
};

use axum::body::Bytes;
use futures::executor::block_on;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::{Body, Frame},
    header::HeaderValue,
};
use sentry::{ClientOptions, Hub, test::TestTransport};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::{Layer, Service, ServiceBuilder, layer::util::Identity, util::ServiceFn};
use tower_vitals::{
    AccessLogLayer, ErrorCategoryLayer, RequestIdLayer, SentryScopeLayer, TimingLayer, Vitals,
    exclude::Patterns,
    logging::{self, Format},
    sentry::{SentryOptions, guard, tracing_layer},
    vitals::{VitalsBuilder, VitalsLayer},
};
use tracing::subscriber::with_default;
use tracing_subscriber::{layer::SubscriberExt, registry};
use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker, Allocator};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

type Answer = Result<Response<Full<Bytes>>, Infallible>;
type Answering = ServiceFn<fn(Request<()>) -> Ready<Answer>>;

/// The twelve headers that a browser sends.
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

/// A process has one bound client, so only one test may run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The allocations of code on this thread.
#[derive(Default)]
struct Allocated {
    times: u64,
    /// Bytes that were allocated and not freed.
    kept: i64,
    /// The places in our sources that allocated, and how often each did; `None` if they are not wanted.
    sites: Option<BTreeMap<String, u64>>,
}

/// Counts for the thread that measures. The allocator does not report what the counter itself allocates.
struct Counter;

thread_local! {
    static MEASURED: RefCell<Option<Allocated>> = const { RefCell::new(None) };
}

impl AllocationTracker for Counter {
    fn allocated(&self, _: usize, size: usize, _: usize, _: AllocationGroupId) {
        count(|allocated| {
            allocated.times += 1;
            allocated.kept += size as i64;
            if let Some(sites) = &mut allocated.sites {
                *sites.entry(site()).or_default() += 1;
            }
        });
    }

    fn deallocated(
        &self,
        _: usize,
        size: usize,
        _: usize,
        _: AllocationGroupId,
        _: AllocationGroupId,
    ) {
        count(|allocated| allocated.kept -= size as i64);
    }
}

/// Changes the counts, if this thread is being measured.
fn count(note: impl FnOnce(&mut Allocated)) {
    let _ = MEASURED.try_with(|measured| measured.borrow_mut().as_mut().map(note));
}

/// The innermost place of the library's sources on the stack, as `function at src/file:line:column`.
fn site() -> String {
    let stack = Backtrace::force_capture().to_string();
    let lines: Vec<_> = stack.lines().map(str::trim).collect();
    let tests = env!("CARGO_MANIFEST_DIR");
    let root = format!("at {}", tests.trim_end_matches("tests"));
    // A frame has two lines: its number and function, then its place.
    let frame = lines.windows(2).find_map(|two| {
        let place = two[1].strip_prefix(&root)?;
        place.starts_with("src/").then_some((two[0], place))
    });
    let function = |line: &str| line.split_once(": ").map(|(_, name)| name.to_owned());
    frame
        .and_then(|(line, place)| Some(format!("{} at {place}", function(line)?)))
        .unwrap_or("elsewhere".into())
}

/// Runs `code` and returns what it allocates.
fn measure(allocated: Allocated, code: impl FnOnce()) -> Allocated {
    MEASURED.set(Some(allocated));
    code();
    MEASURED.take().unwrap()
}

fn request() -> Request<()> {
    // As hyper makes them: slices of a shared buffer.
    let mut request = Request::builder().uri(Uri::from_static("/orders/17"));
    for (name, value) in BROWSER {
        request = request.header(name, HeaderValue::from_static(value));
    }
    request.body(()).unwrap()
}

fn answer(_: Request<()>) -> Ready<Answer> {
    ready(Ok(Response::new(Full::from("an order"))))
}

/// What one request through `layer` allocates. A hundred requests before it allocate what is allocated only once.
fn request_through<L, B>(layer: &L, allocated: Allocated) -> Allocated
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
    measure(allocated, || send(request))
}

/// How many allocations `layer` adds to a service without it.
fn added<L, B>(layer: &L) -> u64
where
    L: Layer<Answering>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let times = request_through(layer, Allocated::default()).times;
    times - request_through(&Identity::new(), Allocated::default()).times
}

/// Checks that a layer keeps its budget; if not, the message names the places that allocate.
#[track_caller]
fn allocates<L, B>(what: &str, layer: &L, budget: u64)
where
    L: Layer<Answering>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let times = added(layer);
    if times != budget {
        let asked = Allocated {
            sites: Some(BTreeMap::new()),
            ..Allocated::default()
        };
        let sites = request_through(layer, asked).sites.unwrap();
        let sites: Vec<_> = sites
            .iter()
            .map(|(site, times)| format!("{times} × {site}"))
            .collect();
        panic!(
            "{what} allocates {times} times and not {budget}:\n{}",
            sites.join("\n")
        );
    }
}

fn whole(builder: VitalsBuilder) -> VitalsLayer {
    builder.isolated().build().unwrap().layer()
}

/// Binds a client as `sentry::init` does, also to the thread of a test that is not the first.
fn bind(client: Option<Arc<sentry::Client>>) {
    for hub in [Hub::main(), Hub::current()] {
        hub.bind_client(client.clone());
    }
}

/// Starts counting. While the guard lives, no other test measures and no client of another test is bound.
fn alone() -> impl Drop {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        AllocationRegistry::set_global_tracker(Counter).unwrap();
        AllocationRegistry::enable_tracking();
    });
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    bind(None);
    alone
}

#[test]
fn each_layer_allocates_as_often_as_it_says() {
    let _alone = alone();
    let patterns = Patterns::new(["/nothing/"]).unwrap();
    allocates("timing", &TimingLayer::new(), 3);
    let layer = TimingLayer::new().exclude(patterns);
    allocates("timing, with patterns", &layer, 3);
    allocates("category", &ErrorCategoryLayer::new(), 3);
    allocates("log, without a subscriber", &AccessLogLayer::new(), 3);
    allocates("request id", &RequestIdLayer::new(), 7);
    let layer = RequestIdLayer::new().tower_http_extension(true);
    allocates("request id, also for tower-http", &layer, 8);
    allocates("whole stack", &whole(Vitals::builder()), 7);
    let excluding = whole(Vitals::builder().exclude(["/orders/"]));
    allocates("excluded path", &excluding, 3);
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "needs the lines of the sources")]
fn who_allocates_beyond_the_budget_is_named_with_its_place() {
    let _alone = alone();
    let broken = catch_unwind(|| allocates("timing", &TimingLayer::new(), 2)).unwrap_err();
    let message = broken.downcast_ref::<String>().unwrap();
    for part in [
        "timing allocates 3 times and not 2",
        "1 × ",
        "insert_into at src/facts/shared.rs:",
    ] {
        assert!(message.contains(part), "{message}");
    }
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
    let exchange = added(&TimingLayer::new());
    for (what, client, budget) in [
        ("no client", None, 0),
        ("a guarded client", Some(client(true)), 2),
        ("the application's own, as it is", Some(client(false)), 6),
    ] {
        bind(client);
        allocates(what, &SentryScopeLayer::new(), exchange + budget);
    }
    bind(None);
    let without = added(&whole(Vitals::builder()));
    let options = SentryOptions::new("http://public@localhost/1").unwrap();
    let with = whole(Vitals::builder().sentry(options));
    allocates("our client", &with, without + 2);
    let options = SentryOptions::new("http://public@localhost/1").unwrap();
    let unsampled = options.transactions().sample_rate(0.0).unwrap();
    let with = whole(Vitals::builder().sentry(unsampled));
    allocates("transactions that are not sampled", &with, without + 8);
    let excluding = || Vitals::builder().exclude(["/orders/"]);
    let without = added(&whole(excluding()));
    let options = SentryOptions::new("http://public@localhost/1").unwrap();
    let with = whole(excluding().sentry(options));
    allocates("excluded path, with our client", &with, without + 2);
}

#[test]
fn a_request_that_goes_well_allocates_nothing_for_the_tracing_layer() {
    let _alone = alone();
    let options = SentryOptions::new("http://public@localhost/1").unwrap();
    let stack = whole(Vitals::builder().sentry(options));
    let without = with_default(registry(), || added(&stack));
    let subscriber = registry().with(tracing_layer());
    with_default(subscriber, || allocates("our layer", &stack, without));
    #[expect(deprecated, reason = "applications have it")]
    let theirs = registry().with(sentry::integrations::tracing::layer());
    let with_theirs = with_default(theirs, || added(&stack));
    assert!(with_theirs > without + 10, "{with_theirs} and {without}");
}

#[test]
fn a_line_of_json_allocates_nothing() {
    let _alone = alone();
    let stack = whole(Vitals::builder());
    let without = with_default(registry(), || added(&stack));
    let lines = logging::layer(Format::Json, io::sink, false);
    with_default(registry().with(lines), || {
        allocates("a line of JSON", &stack, without);
    });
}

#[test]
fn in_whatever_order_requests_keep_nothing() {
    let _alone = alone();
    bind(Some(client(true)));
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
        measure(Allocated::default(), || (0..5_000).for_each(|_| send())).kept
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
}

/// A body that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn an_open_stream_keeps_few_bytes_and_nothing_of_its_connection() {
    const OPEN: usize = 1_000;
    let _alone = alone();
    let options = SentryOptions::new("http://public@localhost/1").unwrap();
    let stack = whole(Vitals::builder().sentry(options));
    let stream = |_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Endless)));
    let mut service = stack.layer(tower::service_fn(stream));
    let buffer = Bytes::from(b"/orders/17shop.example.organ-id".to_vec());
    let mut open = |number: usize| {
        let mut bodies = Vec::with_capacity(number);
        let allocated = measure(Allocated::default(), || {
            for _ in 0..number {
                let uri = Uri::from_maybe_shared(buffer.slice(..10)).unwrap();
                let host = HeaderValue::from_maybe_shared(buffer.slice(10..26)).unwrap();
                let id = HeaderValue::from_maybe_shared(buffer.slice(26..)).unwrap();
                let request = Request::builder().uri(uri).header("host", host);
                let request = request.header("x-request-id", id);
                let response = block_on(service.call(request.body(()).unwrap())).unwrap();
                // As a server that has written the head.
                bodies.push(response.into_body());
            }
        });
        (bodies, allocated.kept / number as i64)
    };
    // What is allocated only once, and then as many as no memory is left over for.
    let _first = open(100);
    let (_bodies, kept) = open(OPEN);
    assert!(kept <= 620, "{kept} bytes for each");
    assert!(buffer.is_unique());
}
