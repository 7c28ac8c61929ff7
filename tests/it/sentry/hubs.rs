//! Gives each request and each health check a hub of its own, whatever its code does with the one that it has.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::future::join_all;
use sentry::{ClientOptions, Hub, Level, User, test::TestTransport};
use tokio::{runtime, task};
use tower_vitals::{
    exclude::ExcludeLayer,
    health::{Check, Health},
};

use super::{LONG, own_client, reporting};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
    waiting::eventually,
};

/// What handlers keep for longer than their request.
static KEPT: Mutex<Vec<Arc<Hub>>> = Mutex::new(Vec::new());

fn taint() {
    sentry::configure_scope(|scope| {
        scope.set_tag("tainted", true);
        scope.set_user(Some(User {
            id: Some("another".into()),
            ..User::default()
        }));
    });
    sentry::add_breadcrumb(sentry::Breadcrumb::default());
}

fn rebind() {
    let options = ClientOptions::new().transport(TestTransport::new());
    Hub::current().bind_client(Some(Arc::new(options.into())));
    taint();
}

fn push() {
    // The guard is never dropped, so the scope stays pushed.
    mem::forget(Hub::current().push_scope());
    taint();
}

fn clear() {
    taint();
    sentry::configure_scope(sentry::Scope::clear);
}

fn keep() {
    KEPT.lock().unwrap().push(Hub::current());
}

/// The hub is changed when its request has ended.
fn send_away() {
    let hub = Hub::current();
    task::spawn_blocking(move || Hub::run(hub, taint));
}

#[tokio::test]
async fn what_a_handler_does_to_its_hub_ends_with_its_request() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let misuses: [fn(); 6] = [taint, rebind, push, clear, keep, send_away];
    let app = misuses.iter().enumerate().fold(
        Router::new().route(
            "/look",
            get(async || _ = sentry::capture_message("look", Level::Info)),
        ),
        |app, (number, misuse)| {
            let misuse = *misuse;
            app.route(&format!("/{number}"), get(async move || misuse()))
        },
    );
    let app = app.layer(vitals.layer());
    let send = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        requests::send(&app, request).await;
    };
    for number in 0..misuses.len() {
        send(&format!("/{number}")).await;
        // What was kept changes while the next requests run.
        for hub in KEPT.lock().unwrap().iter() {
            Hub::run(Arc::clone(hub), taint);
        }
        send("/look").await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(
        events.len(),
        misuses.len(),
        "each came to the stack's own client"
    );
    for event in events {
        assert!(event["tags"].get("tainted").is_none(), "{event}");
        assert!(event.get("user").is_none(), "{event}");
        assert!(event.get("breadcrumbs").is_none(), "{event}");
    }
}

#[tokio::test]
async fn an_excluded_request_leaves_nothing_for_another_and_sees_nothing_of_another() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).exclude(["/internal/"]).build().unwrap();
    let look = async || _ = sentry::capture_message("look", Level::Info);
    // It waits while others run on this thread.
    let waits = async || {
        taint();
        task::yield_now().await;
        assert_eq!(user().as_deref(), Some("another"), "its own");
    };
    let streams = async || {
        taint();
        let ends = futures::stream::once(async {
            assert_eq!(user().as_deref(), Some("another"), "its own");
            taint();
            Ok::<_, std::convert::Infallible>("chunk")
        });
        Body::from_stream(ends)
    };
    let misuses: [fn(); 6] = [taint, rebind, push, clear, keep, send_away];
    let routes = Router::new()
        .route("/waits", get(waits))
        .route("/streams", get(streams))
        .route("/look", get(look));
    let routes = misuses.iter().enumerate().fold(routes, |app, (n, misuse)| {
        let misuse = *misuse;
        app.route(&format!("/{n}"), get(async move || misuse()))
    });
    let unobserved = Router::new()
        .route("/streams", get(streams))
        .route_layer(ExcludeLayer::route());
    let app = Router::new()
        .nest("/internal", routes)
        .nest("/unobserved", unobserved)
        .route("/look", get(look))
        .layer(vitals.layer());
    let send = async |path: String| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        requests::send(&app, request).await;
    };
    let all = (0..misuses.len()).map(|n| format!("/internal/{n}"));
    let streams = ["/internal/streams".into(), "/unobserved/streams".into()];
    for path in all.chain(streams) {
        join_all(["/internal/waits".into(), path, "/internal/look".into()].map(&send)).await;
        send("/internal/look".into()).await;
        send("/look".into()).await;
        // What belongs to no request sees nothing either.
        assert_eq!(user(), None);
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 3 * (misuses.len() + 2));
    for event in events {
        assert!(event["tags"].get("tainted").is_none(), "{event}");
        assert!(event.get("user").is_none(), "{event}");
        assert!(event.get("breadcrumbs").is_none(), "{event}");
        let observed = event["tags"].get("endpoint").is_some();
        assert_eq!(observed, event["transaction"] == "/look", "{event}");
    }
}

#[tokio::test]
async fn a_health_check_leaves_nothing_on_its_thread_and_sees_nothing_that_lies_there() {
    let (transport, client) = own_client(ClientOptions::new());
    Hub::current().bind_client(Some(client));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let check = Check::new("database", move || {
        let count = Arc::clone(&count);
        async move {
            sentry::capture_message("look", Level::Info);
            taint();
            task::yield_now().await;
            sentry::capture_message("later", Level::Info);
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(())
        }
    });
    let often = check.interval(Duration::from_millis(1));
    let _health = Health::builder().check(often).start().unwrap();
    sentry::configure_scope(|scope| scope.set_tag("stray", true));
    eventually(|| (asked.load(Ordering::Relaxed) > 2).then_some(()))
        .await
        .unwrap();
    assert_eq!(user(), None);
    Hub::current().client().unwrap().flush(Some(LONG));
    let events = transport.fetch_and_clear_events();
    assert!(events.len() > 4);
    for event in events {
        let said = event.logentry.as_ref().map(|entry| &*entry.message);
        let is_later = said == Some("later");
        assert_eq!(event.user.is_some(), is_later, "its own: {event:#?}");
        assert_eq!(event.breadcrumbs.len(), usize::from(is_later));
        assert!(!event.tags.contains_key("stray"));
    }
    Hub::current().bind_client(None);
}

/// The user of the current scope.
fn user() -> Option<String> {
    sentry::configure_scope(|scope| scope.user()?.id.clone())
}

#[test]
fn ten_thousand_requests_on_eight_threads_see_nothing_of_each_other() {
    const CLIENTS: usize = 100;
    const EACH: usize = 100;
    let dsn = Dsn::start(Answer::Status(200));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(8)
        .enable_all()
        .build()
        .unwrap();
    let vitals = runtime.block_on(async { reporting(&dsn).build().unwrap() });
    let clean = Arc::new(AtomicUsize::new(0));
    let handler = {
        let clean = Arc::clone(&clean);
        async move |request: Request| {
            let mine = request.uri().query().unwrap().to_owned();
            let before = user();
            let me = User {
                id: Some(mine.clone()),
                ..User::default()
            };
            sentry::configure_scope(|scope| scope.set_user(Some(me)));
            task::yield_now().await;
            let is_clean = before.is_none() && user() == Some(mine);
            clean.fetch_add(is_clean.into(), Ordering::Relaxed);
        }
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    runtime.block_on(async {
        let clients = (0..CLIENTS).map(|client| {
            let app = app.clone();
            task::spawn(async move {
                for number in 0..EACH {
                    let uri = format!("/?{client}-{number}");
                    let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
                    requests::send(&app, request).await;
                }
            })
        });
        for client in join_all(clients).await {
            client.unwrap();
        }
    });
    assert_eq!(clean.load(Ordering::Relaxed), CLIENTS * EACH);
}
