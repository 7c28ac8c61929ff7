//! Binds a client to the process, beside an existing one. It is a process of its own, because a process has one main hub.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;

use std::{
    convert::Infallible,
    future::{self, Future},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use axum::http::{Request, Response};
use sentry::{
    Breadcrumb, Client, ClientOptions, Hub, Level, integrations::tracing::BreadcrumbLayer,
    protocol::Event,
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};
use tower_vitals::{
    Deployment, Vitals,
    metrics::Sink,
    monitored, query,
    sentry::{SentryOptions, guard},
};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::dsn::{Answer, Dsn};

/// The main hub is one, so only one test may use it at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_client_that_is_bound_later_gets_what_belongs_to_no_request() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Hub::main().bind_client(None);
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/excluded"])
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    let dsn = Dsn::start(Answer::Status(200));
    let options = guard(ClientOptions::new().dsn(dsn.url().as_str()));
    Hub::main().bind_client(Some(Arc::new(Client::with_options(options))));
    // As the code of the main thread leaves it.
    Hub::main().add_breadcrumb(Breadcrumb::default());
    vitals.record_deployment(&Deployment::new("1.4.2").environment("test"));
    let fails =
        tower::service_fn(async |_: Request<()>| -> Result<Response<String>, &str> { Err("no") });
    let service = vitals.layer().layer(fails);
    let request = Request::builder().uri("/excluded").body(()).unwrap();
    let answer = futures::executor::block_on(service.oneshot(request));
    assert!(answer.is_err());
    assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
    let events = dsn.events();
    let [deployed, failed] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(deployed["logentry"]["message"], "deployed 1.4.2 to test");
    assert_eq!(failed["tags"]["endpoint"], "excluded");
    for event in [deployed, failed] {
        assert!(event.get("breadcrumbs").is_none(), "{event:#}");
    }
    Hub::main().bind_client(None);
}

/// A request that leaves its data on the thread, as a task without the request's scope does, and captures an event.
async fn visited(guest: &'static str) {
    tokio::spawn(async move {
        sentry::configure_scope(|scope| scope.set_tag("guest", guest));
        sentry::add_breadcrumb(Breadcrumb::default());
    })
    .await
    .unwrap();
    sentry::capture_message(guest, Level::Info);
}

#[test]
fn a_client_that_takes_the_place_of_another_leaves_requests_apart() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dsn = Dsn::start(Answer::Status(200));
    let bind = || {
        let options = guard(ClientOptions::new().dsn(dsn.url().as_str()));
        let client = Arc::new(Client::with_options(options));
        Hub::main().bind_client(Some(Arc::clone(&client)));
        client
    };
    let first = bind();
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    let visit = |hub: &Arc<Hub>, guest: &'static str| {
        let inner = tower::service_fn(move |_: Request<()>| async move {
            visited(guest).await;
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let service = vitals.layer().layer(inner);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Hub::run(Arc::clone(hub), || {
            runtime.unwrap().block_on(service.oneshot(Request::new(())))
        })
        .unwrap();
    };
    // A thread has its hub from the main hub, and keeps its client.
    let old_thread = Arc::new(Hub::new_from_top(Hub::main()));
    visit(&old_thread, "alice");
    let second = bind();
    visit(&Arc::new(Hub::new_from_top(Hub::main())), "bob");
    visit(&old_thread, "carol");
    visit(&old_thread, "dave");
    for client in [&first, &second] {
        assert!(client.flush(Some(Duration::from_secs(20))));
    }
    let events = dsn.events();
    assert_eq!(events.len(), 4);
    for event in &events {
        assert!(event["tags"].get("guest").is_none(), "{event:#}");
        assert!(event.get("breadcrumbs").is_none(), "{event:#}");
    }
    Hub::main().bind_client(None);
}

#[test]
fn an_applications_own_client_stays_bound_and_the_crates_client_blocks_no_worker() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Hub::main().bind_client(None);
    Hub::current().bind_client(None);
    let dsn = Dsn::start(Answer::Never);
    let options = || SentryOptions::new(&dsn.url()).unwrap();
    let own = Arc::new(Client::with_options(ClientOptions::new()));
    Hub::main().bind_client(Some(Arc::clone(&own)));
    let _vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(Arc::ptr_eq(&Hub::main().client().unwrap(), &own));
    // An isolated stack does not bind its client to the process.
    Hub::main().bind_client(None);
    let _isolated = Vitals::builder()
        .isolated()
        .sentry(options())
        .build()
        .unwrap();
    assert!(Hub::main().client().is_none());
    let vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(
        Hub::main().client().is_some(),
        "for what is captured outside of requests"
    );

    // The panic hook of the SDK waits up to 2 s until the event is sent. This server never answers, so a wait would take all 2 s.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let panic = async || -> Instant { panic!("as asked") };
    runtime.block_on(async {
        // The first stack trace of a process takes long, so it is not measured.
        tokio::spawn(panic()).await.unwrap_err();
        let began = Instant::now();
        tokio::spawn(panic()).await.unwrap_err();
        assert!(
            began.elapsed() < Duration::from_millis(1_500),
            "{:?}",
            began.elapsed()
        );
    });
    assert_eq!(
        vitals.flush(Duration::from_millis(10)),
        2,
        "both were captured"
    );
}

/// How many breadcrumbs the hub of this thread has.
fn breadcrumbs() -> usize {
    let event = Hub::current().configure_scope(|scope| scope.apply_to_event(Event::default()));
    event.unwrap().breadcrumbs.len()
}

/// Takes some time.
fn wait() {
    let begun = Instant::now();
    while begun.elapsed().is_zero() {}
}

#[test]
fn slow_work_outside_of_requests_is_reported_and_shares_nothing_with_its_thread() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dsn = Dsn::start(Answer::Status(200));
    let options = guard(ClientOptions::new().dsn(dsn.url().as_str()));
    let client = Arc::new(Client::with_options(options));
    Hub::main().bind_client(Some(Arc::clone(&client)));
    Hub::main().configure_scope(|scope| scope.set_tag("zone", "eu-1"));
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    // As the code of the main thread leaves it.
    Hub::main().configure_scope(|scope| scope.set_tag("guest", "alice"));
    let metrics = vitals.metrics().clone();
    let work = move || {
        let slow = |name| monitored(name).metrics(&metrics).threshold(Duration::ZERO);
        // Before the thread has used Sentry.
        let mut gave_up = Box::pin(slow("gave up").run(async {
            wait();
            future::pending::<()>().await;
        }));
        let polled = gave_up
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        drop(gave_up);
        // As another task leaves it on the thread.
        sentry::configure_scope(|scope| scope.set_tag("guest", "bob"));
        sentry::add_breadcrumb(Breadcrumb::default());
        let before = breadcrumbs();
        let subscriber = registry().with(BreadcrumbLayer::new());
        tracing::subscriber::with_default(subscriber, || {
            slow("outside").time(wait);
            let query = query("SELECT", "outside").metrics(&metrics);
            query.threshold(Duration::ZERO).time(wait);
        });
        assert_eq!(breadcrumbs(), before, "nothing is left for others");
    };
    thread::spawn(work).join().unwrap();
    // A client of another test can wait for ever.
    assert!(client.flush(Some(Duration::from_secs(20))));
    let events = dsn.events();
    let groups: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(event["level"], "warning");
            assert_eq!(event["tags"]["zone"], "eu-1");
            assert!(event["tags"].get("guest").is_none(), "{event:#}");
            assert!(event.get("breadcrumbs").is_none(), "{event:#}");
            event["fingerprint"][3].as_str().unwrap()
        })
        .collect();
    assert_eq!(groups, ["gave up", "outside", "SELECT outside"]);
    assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 0);
    Hub::main().configure_scope(sentry::Scope::clear);
    Hub::main().bind_client(None);
}
