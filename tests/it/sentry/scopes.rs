//! Keeps the Sentry data of each request apart from all others.

use std::{cell::RefCell, convert::Infallible, panic, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    response::Response,
    routing::get,
};
use futures::stream;
use http_body_util::BodyExt;
use sentry::{ClientOptions, Hub, Level};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use serde_json::Value;
use tokio::{
    task,
    time::{self},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_vitals::{
    RequestContext, RequestIdLayer, SentryScopeLayer, TimingLayer, exchange::Exchange,
    metrics::Sink,
};

use super::{LONG, bound, own_client, reporting, send, texts};
use crate::support::dsn::{Answer, Dsn};

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
    let own = marker.clone();
    let spawned = task::spawn(Arc::clone(&exchange).scope(async move {
        task::yield_now().await;
        sentry::capture_message(&format!("{own} spawned"), Level::Info);
    }));
    let own = marker.clone();
    let blocking = task::spawn_blocking(move || {
        exchange.run(|| sentry::capture_message(&format!("{own} blocking"), Level::Info));
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
    let vitals = bound();
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
                // As if the client had been bound before the first thread started.
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
    let dropped = vitals.metrics().totals().dropped(Sink::Sentry);
    // Each request captures five events; the queue may drop some.
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
    // The shared hub has no data of any request.
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

/// A thread may end while it holds a request. Sentry's own thread-local may be destroyed before or after the request.
#[test]
fn a_thread_that_ends_with_a_request_in_its_hands_ends_well() {
    thread_local! {
        static HELD: RefCell<Option<Response<tower_vitals::plumbing::ResponseBody<Body, tower_vitals::plumbing::Examined>>>> = const { RefCell::new(None) };
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
            // Joined, because a scope does not wait for the destructors of thread-locals.
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
    // Each event was either sent or counted as dropped.
    assert_eq!(dsn.events().len() as u64 + totals.dropped(Sink::Sentry), 4);
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
async fn the_scope_is_there_before_the_first_await_inside_any_layer() {
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
