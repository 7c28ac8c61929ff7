//! Tells Sentry what went wrong, once, and of the right request.

use std::{
    cell::RefCell,
    convert::Infallible,
    error::Error,
    fmt,
    num::ParseIntError,
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::StatusCode,
    response::Response,
    routing::get,
};
use futures::stream;
use http_body_util::BodyExt;
use sentry::{
    ClientOptions, Hub, Level,
    integrations::tracing::{BreadcrumbLayer, ErrorLayer},
    test::TestTransport,
};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use serde_json::Value;
use tokio::{
    task,
    time::{self, Instant},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{
    Deployment, Failure, Release, RequestContext, RequestIdLayer, SentryScopeLayer, TimingLayer,
    Vitals,
    exchange::Exchange,
    health::{Health, Role, Status},
    sentry::{Reports, SentryOptions, guard},
    vitals::VitalsBuilder,
};
use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt};

use crate::support::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
    reporting::lost_orders,
    requests,
    server::Server,
    waiting::settled,
};

const LONG: Duration = Duration::from_secs(20);

/// A stack of its own that sends to `dsn`.
fn reporting(dsn: &Dsn) -> VitalsBuilder {
    silence_panics_that_were_asked_for();
    let options = SentryOptions::new(&dsn.url()).unwrap();
    Vitals::builder()
        .isolated()
        .release(Release::new("shop@1.2.3").environment("test"))
        .sentry(options)
}

fn with_reports(dsn: &Dsn, reports: Reports) -> Vitals {
    let options = SentryOptions::new(&dsn.url()).unwrap().reports(reports);
    reporting(dsn).sentry(options).build().unwrap()
}

async fn send(app: &Router, path: &str) -> StatusCode {
    let request = Request::builder()
        .uri(path)
        .header("host", "shop.test")
        .header("x-request-id", "id-1");
    requests::send(app, request.body(Body::empty()).unwrap()).await
}

/// Texts of each event, by JSON pointer; `None` where there is none.
fn texts<'a, const N: usize>(
    events: &'a [Value],
    pointers: [&str; N],
) -> Vec<[Option<&'a str>; N]> {
    let text = |event: &'a Value, pointer| event.pointer(pointer)?.as_str();
    events
        .iter()
        .map(|event| pointers.map(|pointer| text(event, pointer)))
        .collect()
}

/// Whether all events belong to one issue.
fn one_issue(events: &[Value]) -> bool {
    let first = &events[0]["fingerprint"];
    events.iter().all(|event| event["fingerprint"] == *first)
}

/// The subject of most tests: a handler that answers 500.
async fn broken() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn tags(event: &Value) -> Vec<(&str, &str)> {
    let tags = event["tags"].as_object().into_iter().flatten();
    tags.map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
        .collect()
}

#[derive(Debug)]
struct NoOrder(ParseIntError);

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such order")
    }
}

impl Error for NoOrder {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

async fn failing(context: RequestContext) -> Result<(), Failure> {
    context.user("u-1").tenant("t-1").tag("plan", "gold");
    Err(NoOrder("x".parse::<u8>().unwrap_err()))?;
    Ok(())
}

#[tokio::test]
async fn a_5xx_arrives_once_with_its_cause_and_exactly_the_expected_tags() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = Router::new()
        .route("/orders/{id}", get(failing))
        .layer(vitals.layer());
    assert_eq!(send(&app, "/orders/17?card=4111").await, 500);
    assert_eq!(vitals.flush(LONG), 0);
    let event = dsn.event();
    assert_eq!(
        tags(&event),
        [
            ("endpoint", "/orders/{id}"),
            ("error_category", "server_error"),
            ("method", "GET"),
            ("plan", "gold"),
            ("request_id", "id-1"),
            ("severity", "critical"),
            ("tenant_id", "t-1"),
        ]
    );
    assert_eq!(event["transaction"], "/orders/{id}");
    assert_eq!(event["user"]["id"], "u-1");
    assert_eq!(
        (&event["release"], &event["environment"]),
        (&"shop@1.2.3".into(), &"test".into())
    );
    assert_eq!(
        event["request"]["url"],
        "http://shop.test/orders/17?card=[Filtered]"
    );
    assert_eq!(
        event["request"]["headers"],
        serde_json::json!({"host": "shop.test"})
    );
    assert_eq!(event["contexts"]["response"]["status_code"], 500);
    let chain = event["exception"]["values"].as_array().unwrap();
    let chain: Vec<_> = chain
        .iter()
        .map(|link| {
            (
                link["type"].as_str().unwrap(),
                link["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            ("ParseIntError", "invalid digit found in string"),
            ("NoOrder", "no such order")
        ]
    );
}

#[tokio::test]
async fn what_is_no_fault_of_the_server_tells_nothing() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/probe"]).build().unwrap();
    let app = Router::new()
        .route("/fine", get(async || "fine"))
        .route("/429", get(async || StatusCode::TOO_MANY_REQUESTS))
        .route("/probe", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .layer(vitals.layer());
    for path in ["/fine", "/429", "/probe", "/missing"] {
        send(&app, path).await;
    }
    assert_eq!(vitals.flush(LONG), 0);
    assert!(dsn.events().is_empty());
}

#[tokio::test]
async fn which_statuses_report_is_a_setting_of_the_stack_and_of_a_route() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = with_reports(
        &dsn,
        Reports::new()
            .statuses(|status| status.as_u16() == 429)
            .excluded_too(),
    );
    let quiet = SentryScopeLayer::new().reports(Reports::new().statuses(|_| false));
    let app = Router::new()
        .route("/429", get(async || StatusCode::TOO_MANY_REQUESTS))
        .route("/500", get(broken))
        .route(
            "/quiet",
            get(async || StatusCode::TOO_MANY_REQUESTS).layer(quiet),
        )
        .layer(vitals.layer());
    for path in ["/429", "/500", "/quiet"] {
        send(&app, path).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let messages = texts(&events, ["/logentry/message"]);
    assert_eq!(messages, [[Some("GET /429 answered 429")]]);
}

#[tokio::test(start_paused = true)]
async fn slow_requests_are_a_warning_and_then_an_error_and_a_route_has_its_own_idea() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let after = |ms| async move || time::sleep(Duration::from_millis(ms)).await;
    let patient = Reports::new()
        .slower_than(Duration::from_secs(10), Duration::from_secs(20))
        .unwrap();
    let app = Router::new()
        .route("/1999", get(after(1_999)))
        .route("/2000", get(after(2_000)))
        .route("/5000", get(after(5_000)))
        .route(
            "/patient",
            get(after(9_000)).layer(SentryScopeLayer::new().reports(patient)),
        )
        .layer(vitals.layer());
    for path in ["/1999", "/2000", "/5000", "/patient"] {
        assert_eq!(send(&app, path).await, 200);
    }
    let left = time::timeout(Duration::from_millis(4_000), send(&app, "/5000"));
    left.await.unwrap_err();
    vitals.flush(LONG);
    let events = dsn.events();
    // `error` is the protocol's default, and not said.
    let told = texts(&events, ["/transaction", "/level"]);
    let warning = [Some("/2000"), Some("warning")];
    assert_eq!(told, [warning, [Some("/5000"), None]]);
}

#[tokio::test]
async fn a_panic_is_told_once_whoever_catches_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/excluded"]).build().unwrap();
    // A worker's hub finds the client by way of ours; on an excluded path there is no hub of ours.
    Hub::current().bind_client(None);
    let panics = async || -> () { panic!("as asked") };
    let caught = Router::new()
        .route("/caught", get(panics))
        .layer(CatchPanicLayer::new());
    let app = caught
        .route("/uncaught", get(panics))
        .route("/excluded", get(panics))
        .layer(vitals.layer());
    assert_eq!(send(&app, "/caught").await, 500);
    for path in ["/uncaught", "/excluded"] {
        let app = app.clone();
        task::spawn(async move { send(&app, path).await })
            .await
            .unwrap_err();
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let told = texts(&events, ["/transaction", "/exception/values/0/value"]);
    let panic = Some("as asked");
    assert_eq!(
        told,
        [
            [Some("/caught"), panic],
            [Some("/uncaught"), panic],
            [Some("excluded"), None]
        ]
    );
}

#[tokio::test]
async fn a_thousand_failures_with_a_thousand_ids_are_one_issue_and_few_events() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = lost_orders(&vitals);
    for id in 0..1_000 {
        send(&app, &format!("/orders/{id}")).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 10);
    assert!(one_issue(&events), "{events:?}");
    assert_eq!(vitals.metrics().totals().dropped_sentry_flood, 990);
}

#[tokio::test(start_paused = true)]
async fn after_a_flood_the_next_event_says_how_many_were_held_back() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = with_reports(&dsn, Reports::new().per_minute(1));
    let app = Router::new()
        .route("/500", get(broken))
        .layer(vitals.layer());
    for _ in 0..5 {
        send(&app, "/500").await;
    }
    time::advance(Duration::from_secs(60)).await;
    send(&app, "/500").await;
    vitals.flush(LONG);
    let events = dsn.events();
    let held_back: Vec<_> = events
        .iter()
        .map(|event| event["extra"]["held_back"].as_u64())
        .collect();
    assert_eq!(held_back, [None, Some(4)]);
}

/// An application's own client: what it sends, in this process.
fn own_client(options: ClientOptions) -> (Arc<TestTransport>, Arc<sentry::Client>) {
    silence_panics_that_were_asked_for();
    let transport = TestTransport::new();
    let options = options
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&transport));
    let client = Arc::new(sentry::Client::with_options(guard(options)));
    (transport, client)
}

async fn markers(Path(marker): Path<u32>) -> String {
    let marker = format!("m{marker}");
    let capture = |place: &str| sentry::capture_message(&format!("{marker} {place}"), Level::Info);
    sentry::add_breadcrumb(sentry::Breadcrumb {
        message: Some(marker.clone()),
        ..Default::default()
    });
    RequestContext::current().tag("marker", &marker);
    task::yield_now().await;
    capture("handler");
    let branch = async |place: &str| {
        task::yield_now().await;
        capture(place);
        task::yield_now().await;
    };
    tokio::join!(branch("left"), branch("right"));
    let exchange = Exchange::current().unwrap();
    let said = marker.clone();
    let spawned = task::spawn(Arc::clone(&exchange).scope(async move {
        task::yield_now().await;
        sentry::capture_message(&format!("{said} spawned"), Level::Info);
    }));
    let said = marker.clone();
    let blocking = task::spawn_blocking(move || {
        exchange.run(|| sentry::capture_message(&format!("{said} blocking"), Level::Info));
    });
    let (spawned, blocking) = tokio::join!(spawned, blocking);
    spawned.unwrap();
    blocking.unwrap();
    marker
}

#[test]
fn requests_never_see_each_others_data() {
    let (transport, client) = own_client(ClientOptions::new());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let hub = Arc::new(Hub::new(Some(Arc::clone(&client)), Arc::default()));
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::bound())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/{marker}", get(markers))
        .layer(vitals.layer());
    let mut events = Vec::new();
    for round in 0..40 {
        runtime.block_on(async {
            let requests = (0..64).map(|n| {
                let (app, hub, marker) = (app.clone(), Arc::clone(&hub), round * 64 + n);
                let request = Request::builder()
                    .uri(format!("/{marker}"))
                    .header("x-request-id", format!("id-m{marker}"));
                let request = request.body(Body::empty()).unwrap();
                // As if the client had been bound before any thread was there.
                let work = async move {
                    app.oneshot(request)
                        .await
                        .unwrap()
                        .into_body()
                        .collect()
                        .await
                        .unwrap()
                };
                task::spawn(sentry::SentryFutureExt::bind_hub(work, hub))
            });
            futures::future::join_all(requests)
                .await
                .into_iter()
                .for_each(|done| _ = done.unwrap());
        });
        client.flush(Some(LONG));
        events.extend(transport.fetch_and_clear_events());
    }
    let dropped = vitals.metrics().totals().dropped_sentry;
    assert!(events.len() > 1_000, "{}", events.len());
    for event in &events {
        let (marker, _) = event
            .logentry
            .as_ref()
            .unwrap()
            .message
            .split_once(' ')
            .unwrap();
        assert_eq!(event.tags["marker"], marker);
        assert_eq!(event.tags["request_id"], format!("id-{marker}"));
        let crumbs: Vec<_> = event
            .breadcrumbs
            .iter()
            .map(|crumb| crumb.message.as_deref().unwrap())
            .collect();
        assert_eq!(crumbs, [marker]);
    }
    assert_eq!(dropped, 0);
    // Nothing of ours on the hub that others share.
    hub.capture_message("outside", Level::Info);
    client.flush(Some(LONG));
    let [outside] = &transport.fetch_and_clear_events()[..] else {
        panic!()
    };
    assert!(outside.tags.is_empty() && outside.breadcrumbs.is_empty() && outside.request.is_none());
}

#[tokio::test]
async fn what_streams_and_destructors_capture_has_its_request() {
    struct CapturesWhenDropped;
    impl Drop for CapturesWhenDropped {
        fn drop(&mut self) {
            sentry::capture_message("dropped", Level::Info);
        }
    }
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = Router::new()
        .route(
            "/stream",
            get(async || {
                Body::from_stream(stream::once(async {
                    sentry::capture_message("streamed", Level::Info);
                    Ok::<_, Infallible>("x")
                }))
            }),
        )
        .route(
            "/hangs",
            get(async || {
                let _captures = CapturesWhenDropped;
                std::future::pending::<()>().await;
            }),
        )
        .layer(vitals.layer());
    send(&app, "/stream").await;
    let cancelled = time::timeout(Duration::from_millis(10), send(&app, "/hangs"));
    cancelled.await.unwrap_err();
    vitals.flush(LONG);
    let events = dsn.events();
    let captured = texts(&events, ["/logentry/message", "/transaction"]);
    let streamed = [Some("streamed"), Some("/stream")];
    assert_eq!(captured, [streamed, [Some("dropped"), Some("/hangs")]]);
    assert!(
        events
            .iter()
            .all(|event| event["tags"]["request_id"] == "id-1")
    );
}

#[tokio::test]
async fn layers_of_sentry_tower_may_stand_on_either_side() {
    let (transport, client) = own_client(ClientOptions::new());
    let hub = Arc::new(Hub::new(Some(Arc::clone(&client)), Arc::default()));
    let handler = get(async || {
        sentry::configure_scope(|scope| scope.set_tag("own", "yes"));
        sentry::capture_message("here", Level::Info);
    });
    let ours = || (RequestIdLayer::new(), SentryScopeLayer::new());
    let theirs = || {
        (
            NewSentryLayer::<Request>::new_from_top(),
            SentryHttpLayer::new(),
        )
    };
    let base = Router::new().route("/x/{id}", handler);
    for app in [
        base.clone().layer(theirs()).layer(ours()),
        base.clone().layer(ours()).layer(theirs()),
        base.clone()
            .layer(TimingLayer::new())
            .layer(theirs())
            .layer(ours()),
        base.clone()
            .layer(ours())
            .layer(theirs())
            .layer(TimingLayer::new()),
        base.clone().layer(ours()).layer(ours()),
    ] {
        sentry::SentryFutureExt::bind_hub(send(&app, "/x/1"), Arc::clone(&hub)).await;
        client.flush(Some(LONG));
        let [event] = &transport.fetch_and_clear_events()[..] else {
            panic!()
        };
        let keys: Vec<_> = event.tags.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            ["endpoint", "method", "own", "request_id", "severity"]
        );
    }
    hub.capture_message("outside", Level::Info);
    client.flush(Some(LONG));
    assert!(transport.fetch_and_clear_events()[0].tags.is_empty());
}

#[tokio::test]
async fn a_client_that_was_not_guarded_is_used_as_it_is() {
    let transport = TestTransport::new();
    let options = ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&transport));
    let hub = Hub::new(
        Some(Arc::new(sentry::Client::with_options(options))),
        Arc::default(),
    );
    let app = Router::new()
        .route("/orders/{id}", get(failing))
        .layer(SentryScopeLayer::new())
        .layer(RequestIdLayer::new());
    sentry::SentryFutureExt::bind_hub(send(&app, "/orders/1?token=secret"), Arc::new(hub)).await;
    let [event] = &transport.fetch_and_clear_events()[..] else {
        panic!()
    };
    assert_eq!(event.tags["request_id"], "id-1");
    assert_eq!(
        event.exception.len(),
        2,
        "found without a layer for categories"
    );
    assert_eq!(
        event
            .request
            .as_ref()
            .unwrap()
            .url
            .as_ref()
            .unwrap()
            .query(),
        Some("token=[Filtered]")
    );
}

#[tokio::test]
async fn no_client_and_no_dsn_change_nothing() {
    let off = SentryOptions::from_env().unwrap();
    let vitals = Vitals::builder().isolated().sentry(off).build().unwrap();
    let app = Router::new().route("/orders/{id}", get(failing));
    let hub = Arc::new(Hub::new(None, Arc::default()));
    for app in [
        app.clone().layer(vitals.layer()),
        app.layer(SentryScopeLayer::new()),
    ] {
        let status =
            sentry::SentryFutureExt::bind_hub(send(&app, "/orders/1"), Arc::clone(&hub)).await;
        assert_eq!(status, 500);
    }
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(vitals.metrics().totals().dropped_sentry, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentry_away_or_hanging_costs_a_counter_and_ends_in_time() {
    for (answer, refused) in [
        (Answer::Never, false),
        (Answer::Status(500), false),
        (Answer::Status(200), true),
        (Answer::Status(200), false),
    ] {
        let dsn = Dsn::start(answer);
        let url = if refused {
            "http://public@127.0.0.1:1/1".to_owned()
        } else {
            dsn.url()
        };
        let options = SentryOptions::new(&url)
            .unwrap()
            .reports(Reports::new().per_minute(u32::MAX));
        let vitals = reporting(&dsn).sentry(options).build().unwrap();
        let app = Router::new()
            .route("/500", get(broken))
            .route("/panic", get(async || -> () { panic!("as asked") }))
            .layer(CatchPanicLayer::new())
            .layer(vitals.layer());
        let began = Instant::now();
        for _ in 0..500 {
            assert_eq!(send(&app, "/500").await, 500);
        }
        assert_eq!(send(&app, "/panic").await, 500);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "nobody waits: {:?}",
            began.elapsed()
        );
        let hangs = answer == Answer::Never;
        let allowed = if hangs { Duration::from_secs(1) } else { LONG };
        let began = Instant::now();
        let flushing = vitals.clone();
        let unsent = task::spawn_blocking(move || flushing.flush(allowed))
            .await
            .unwrap();
        drop((app, vitals.layer()));
        let dropped = vitals.metrics().totals().dropped_sentry;
        drop(vitals);
        assert!(
            began.elapsed() < allowed + Duration::from_millis(200),
            "{:?}",
            began.elapsed()
        );
        let arrived = dsn.events().len() as u64;
        assert_eq!(arrived + dropped + unsent, 501, "all is accounted for");
        assert_eq!(arrived > 0, answer == Answer::Status(200) && !refused);
        assert_eq!(unsent > 0, hangs);
    }
}

#[tokio::test]
async fn a_server_that_reports_to_itself_does_not_go_round_and_round() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://public@{}/1", listener.local_addr().unwrap());
    silence_panics_that_were_asked_for();
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::new(&url).unwrap())
        .build()
        .unwrap();
    let app = Router::new()
        .fallback(async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            StatusCode::INTERNAL_SERVER_ERROR
        })
        .layer(vitals.layer());
    let serving = app.clone();
    let server = task::spawn(async move { axum::serve(listener, serving).await });
    for n in 0..10 {
        send(&app, &format!("/{n}")).await;
    }
    let flushing = vitals.clone();
    assert_eq!(
        task::spawn_blocking(move || flushing.flush(LONG))
            .await
            .unwrap(),
        0,
        "it came to an end"
    );
    assert!(asked.load(Ordering::Relaxed) < 100, "{asked:?}");
    server.abort();
}

#[tokio::test]
async fn a_transaction_is_named_by_its_route_and_ends_with_its_body() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url())
        .unwrap()
        .transactions()
        .sample_rate(1.0)
        .unwrap();
    let vitals = reporting(&dsn)
        .exclude(["/probe"])
        .sentry(options)
        .build()
        .unwrap();
    let breaks =
        async || Body::from_stream(stream::iter([Ok("x"), Err(std::io::Error::other("broke"))]));
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/breaks", get(breaks))
        .route("/probe", get(async || ()))
        .layer(vitals.layer());
    send(&app, "/probe").await;
    send(&app, "/breaks").await;
    let trace = "09e04486820349518ac7b5d2adbf6ba5";
    for sentry_trace in [
        format!("{trace}-9cf635fa5b870b3a-1"),
        "garbage".into(),
        "-".repeat(100_000),
    ] {
        let request = Request::builder()
            .uri("/orders/1")
            .header("sentry-trace", sentry_trace)
            .header("baggage", "%%%,=,;\u{fffd}");
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
    }
    vitals.flush(LONG);
    let transactions = dsn.items("transaction");
    let ended = texts(&transactions, ["/transaction", "/contexts/trace/status"]);
    let order = [Some("/orders/{id}"), Some("ok")];
    let breaks = [Some("/breaks"), Some("internal_error")];
    assert_eq!(ended, [breaks, order, order, order]);
    let continued: Vec<_> = transactions
        .iter()
        .map(|sent| sent["contexts"]["trace"]["trace_id"] == trace)
        .collect();
    assert_eq!(continued, [false, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_request_is_told_once() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).log_stuck().build().unwrap();
    let app = Router::new()
        .route(
            "/stuck",
            get(async || time::sleep(Duration::from_secs(30)).await),
        )
        .layer(vitals.layer());
    assert_eq!(send(&app, "/stuck").await, 200);
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(
        (&event["logentry"]["message"], &event["level"]),
        (&"GET /stuck no answer yet".into(), &"warning".into())
    );
}

#[tokio::test]
async fn a_deployment_is_one_event_and_two_metrics() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    vitals.deployment(
        &Deployment::new("shop@1.2.4")
            .environment("canary")
            .by("ci")
            .changes("faster"),
    );
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(
        (&event["level"], &event["release"], &event["environment"]),
        (&"info".into(), &"shop@1.2.4".into(), &"canary".into())
    );
    assert_eq!(
        (&event["tags"]["deployed_by"], &event["extra"]["changes"]),
        (&"ci".into(), &"faster".into())
    );
    let text = vitals.render();
    assert!(
        text.contains(r#"app_deployment_timestamp_seconds{version="shop@1.2.4"}"#),
        "{text}"
    );
    assert!(
        text.contains(r#"app_build_info{version="shop@1.2.3",revision="",rustc="1."#),
        "{text}"
    );
}

#[tokio::test]
async fn a_grpc_error_of_the_server_is_told() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let service = vitals
        .layer()
        .layer(service_fn(|request: Request| async move {
            let code = &request.uri().path()["/shop.v1.Orders/".len()..];
            let response = Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", code);
            Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
        }));
    for code in ["5", "13"] {
        requests::send(&service, requests::grpc(&format!("/shop.v1.Orders/{code}"))).await;
    }
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["transaction"], "/shop.v1.Orders/13");
    assert_eq!(event["tags"]["error_category"], "server_error");
}

#[test]
fn a_bad_dsn_fails_at_build_and_keeps_its_keys_to_itself() {
    for dsn in [
        "https://public:s3cret@example.org",
        "nonsense",
        "ftp://s3cret@h/1",
    ] {
        let error = SentryOptions::new(dsn).unwrap_err();
        assert_eq!(error.field(), "sentry.dsn");
        assert!(
            !error.to_string().contains("s3cret") && !error.to_string().contains("public"),
            "{error}"
        );
    }
    let rate = SentryOptions::new("http://public@localhost/1")
        .unwrap()
        .sample_rate(f32::NAN);
    assert_eq!(rate.unwrap_err().field(), "sentry.sample_rate");
    let reports = Reports::new().slower_than(Duration::from_secs(2), Duration::from_secs(2));
    assert_eq!(reports.unwrap_err().field(), "reports.error");
}

#[tokio::test]
async fn a_hook_of_the_application_that_panics_costs_a_counter() {
    silence_panics_that_were_asked_for();
    let asked = Arc::new(AtomicBool::new(false));
    let was_asked = Arc::clone(&asked);
    let (_, client) = own_client(ClientOptions::new().before_send(move |_| {
        was_asked.store(true, Ordering::Relaxed);
        panic!("as asked")
    }));
    let hub = Arc::new(Hub::new(Some(client), Arc::default()));
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::bound())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/500", get(broken))
        .layer(vitals.layer());
    assert_eq!(
        sentry::SentryFutureExt::bind_hub(send(&app, "/500"), hub).await,
        500
    );
    assert!(asked.load(Ordering::Relaxed));
    assert_eq!(vitals.metrics().totals().dropped_sentry, 1);
}

#[tokio::test]
async fn over_the_wire_a_client_that_left_is_no_incident() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let server = Server::faulty(&vitals).await;
    for path in [
        "/500",
        "/panic",
        "/service-error",
        "/full",
        "/404",
        "/body-error",
    ] {
        let _ = server
            .raw(format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ))
            .await;
    }
    let flushing = vitals.clone();
    task::spawn_blocking(move || flushing.flush(LONG))
        .await
        .unwrap();
    let events = dsn.events();
    let mut told = texts(&events, ["/transaction"]).concat();
    told.sort_unstable();
    let expected = ["/500", "/body-error", "/panic", "/service-error"];
    assert_eq!(told, expected.map(Some));
}

#[tokio::test]
async fn our_own_log_events_do_not_tell_it_a_second_time() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(BreadcrumbLayer::new())
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
    let _logs = tracing::subscriber::set_default(subscriber);
    let handler = async || {
        tracing::info!("on the way");
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/500", get(handler))
        .layer(vitals.layer());
    send(&app, "/500").await;
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "GET /500 answered 500");
    assert_eq!(event["breadcrumbs"]["values"][0]["message"], "on the way");
}

/// A thread may end before what it holds of a request, and Sentry's own thread-local before or after that.
#[test]
fn a_thread_that_ends_with_a_request_in_its_hands_ends_well() {
    thread_local! {
        static HELD: RefCell<Option<Response<tower_vitals::ResponseBody<Body, tower_vitals::Examined>>>> = const { RefCell::new(None) };
    }
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    for (held_first, polled_here) in [(true, true), (false, true), (true, false), (false, false)] {
        let service = vitals.layer().layer(service_fn(|_: Request| {
            let broken = stream::pending::<Result<&'static str, Infallible>>();
            std::future::ready(Ok::<_, Infallible>(
                Response::builder()
                    .status(500)
                    .body(Body::from_stream(broken))
                    .unwrap(),
            ))
        }));
        let answer =
            || futures::executor::block_on(service.clone().oneshot(Request::default())).unwrap();
        std::thread::scope(|scope| {
            let elsewhere = (!polled_here).then(answer);
            // Joined, since a scope does not wait for what the thread drops at its end.
            let ended = scope.spawn(move || {
                if held_first {
                    HELD.with(|_| ());
                }
                let _hub = Hub::current();
                HELD.set(elsewhere.or_else(|| Some(answer())));
            });
            ended.join().unwrap();
        });
    }
    vitals.flush(LONG);
    let totals = vitals.metrics().totals();
    assert_eq!((totals.aborted, totals.in_flight), (4, 0));
    // Where it could still be told it was, and elsewhere it was counted.
    assert_eq!(dsn.events().len() as u64 + totals.dropped_sentry, 4);
}

#[tokio::test]
async fn a_critical_check_that_fails_is_told_without_its_password() {
    let dsn = Dsn::start(Answer::Status(200));
    let health = Health::builder()
        .by_hand("database", Role::Critical)
        .by_hand("cache", Role::Optional)
        .start()
        .unwrap();
    let vitals = reporting(&dsn).health(health.service()).build().unwrap();
    health.set("database", Status::Healthy, None);
    health.set("cache", Status::Unhealthy, Some("no cache"));
    health.set(
        "database",
        Status::Unhealthy,
        Some("postgres://user:SENTINEL@db/shop is away"),
    );
    health.set("database", Status::Unhealthy, Some("still"));
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "health check database failed");
    assert_eq!(
        event["extra"]["error"],
        "postgres://[Filtered]@db/shop is away"
    );
    assert_eq!(tags(&event), [("check", "database")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_sentry_holds_up_no_shutdown() {
    let dsn = Dsn::start(Answer::Never);
    let health = Health::builder().start().unwrap();
    let vitals = reporting(&dsn)
        .health(health.service())
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_millis(500))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/500", get(broken))
        .route("/hangs", get(async || std::future::pending::<()>().await))
        .layer(vitals.layer());
    for _ in 0..3 {
        send(&app, "/500").await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.drained());
    let running = vitals.clone();
    let running = task::spawn(async move { running.run(server).await });
    let mut hanging = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut hanging, b"GET /hangs HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    settled(&vitals, |totals| totals.in_flight == 1).await;
    let began = Instant::now();
    health.drain();
    let drained = running.await.unwrap().unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(700 + 150),
        "{:?}",
        began.elapsed()
    );
    assert_eq!((drained.unfinished, drained.unsent), (1, 3));
}

#[tokio::test]
async fn each_request_is_a_trace_of_its_own() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let handler = async || {
        sentry::capture_message("first", Level::Info);
        sentry::capture_message("second", Level::Info);
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/").await;
    send(&app, "/").await;
    vitals.flush(LONG);
    let events = dsn.events();
    let traces: Vec<_> = events
        .iter()
        .map(|event| &event["contexts"]["trace"]["trace_id"])
        .collect();
    let [one, same, other, again] = traces[..] else {
        panic!("{traces:?}")
    };
    assert!(one == same && other == again && one != other, "{traces:?}");
}

#[tokio::test]
async fn what_a_spawned_task_adds_stays_with_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let leave = |text: &str| {
        sentry::add_breadcrumb(sentry::Breadcrumb {
            message: Some(text.into()),
            ..Default::default()
        });
    };
    let handler = async move || {
        leave("handler");
        let exchange = Exchange::current().unwrap();
        let task = async move {
            leave("task");
            sentry::capture_message("task", Level::Info);
        };
        task::spawn(exchange.scope(task)).await.unwrap();
        sentry::capture_message("handler", Level::Info);
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/").await;
    vitals.flush(LONG);
    let crumbs = |event: &Value| -> Vec<String> {
        let crumbs = event["breadcrumbs"]["values"].as_array().unwrap();
        crumbs
            .iter()
            .map(|crumb| crumb["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let events = dsn.events();
    assert_eq!(crumbs(&events[0]), ["handler", "task"]);
    assert_eq!(crumbs(&events[1]), ["handler"]);
}

#[tokio::test]
async fn the_scope_is_there_before_the_first_await_whatever_stands_outside() {
    let (transport, client) = own_client(ClientOptions::new());
    let hub = Arc::new(Hub::new(Some(Arc::clone(&client)), Arc::default()));
    let app = ServiceBuilder::new()
        .layer(TimingLayer::new())
        .layer(SentryScopeLayer::new())
        .service(service_fn(|_: Request| {
            sentry::configure_scope(|scope| scope.set_tag("own", "yes"));
            sentry::capture_message("called", Level::Info);
            std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
        }));
    sentry::SentryFutureExt::bind_hub(app.oneshot(Request::default()), Arc::clone(&hub))
        .await
        .unwrap();
    hub.capture_message("outside", Level::Info);
    client.flush(Some(LONG));
    let events = transport.fetch_and_clear_events();
    assert_eq!(events[0].tags["own"], "yes");
    assert!(events[1].tags.is_empty(), "{:?}", events[1].tags);
}

#[tokio::test]
async fn of_a_thousand_panics_a_few_are_told_as_one_issue() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = with_reports(&dsn, Reports::new().per_minute(3));
    let app = Router::new()
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer());
    for _ in 0..10 {
        assert_eq!(send(&app, "/panic").await, 500);
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 3);
    assert!(one_issue(&events), "{events:?}");
    assert_eq!(events[0]["fingerprint"][4], "panicked");
    assert_eq!(vitals.metrics().totals().dropped_sentry_flood, 7);
}
