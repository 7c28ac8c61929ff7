//! Mixes requests on shared threads and looks for the data of one in the Sentry events of another. It is a process of its own,
//! because a process has one main hub and one global subscriber.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/client.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod client;
#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, Request},
    http::StatusCode,
    routing::get,
};
use http_body_util::BodyExt;
use sentry::{ClientOptions, Hub, Level, User};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Runtime, task};
use tower::ServiceExt;
use tower_http::trace::TraceLayer;
use tower_vitals::{
    RequestContext, Vitals,
    exchange::Exchange,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    client::Client,
    dsn::{Answer, Dsn},
};

const AT_ONCE: usize = 64;
const ROUNDS: usize = 1;

/// The main hub is one, so only one test may use it at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_failure_shows_no_other_requests_data_with_a_client_of_this_crate() {
    let _alone = alone();
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    mixed(&dsn, options);
}

#[test]
fn a_failure_shows_no_other_requests_data_with_a_client_of_the_application() {
    let _alone = alone();
    let dsn = Dsn::start(Answer::Status(200));
    let options = guard(ClientOptions::new().dsn(dsn.url().as_str()));
    let client = Arc::new(sentry::Client::with_options(options));
    Hub::main().bind_client(Some(client));
    mixed(&dsn, SentryOptions::current_client());
}

#[test]
fn a_run_of_a_job_begins_with_what_the_main_hub_had_at_start_and_nothing_of_its_thread() {
    let _alone = alone();
    let dsn = Dsn::start(Answer::Status(200));
    Hub::main().configure_scope(|scope| scope.set_tag("region", "north"));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let vitals = Vitals::builder().sentry(options).build().unwrap();
    let leave = |scope: &mut sentry::Scope| scope.set_tag("left", true);
    // What is set later is not seen, wherever.
    Hub::main().configure_scope(leave);
    let ran = std::thread::spawn(move || {
        sentry::configure_scope(leave);
        sentry::add_breadcrumb(sentry::Breadcrumb::default());
        tower_vitals::job("rollup").try_time(|| Err::<(), _>("as asked"))
    });
    assert_eq!(ran.join().unwrap(), Err("as asked"));
    Hub::main().configure_scope(sentry::Scope::clear);
    assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
    let event = dsn.event();
    let tags = &event["tags"];
    assert_eq!(
        (&tags["job"], &tags["region"]),
        (&"rollup".into(), &"north".into())
    );
    assert_eq!(tags["left"], Value::Null);
    assert_eq!(event["breadcrumbs"], Value::Null);
    // A job is found by the client of the main hub, also if the current hub has none.
    let empty = Arc::new(Hub::new(None, Arc::default()));
    let run = || tower_vitals::job("rollup").try_time(|| Err::<(), _>("as asked"));
    assert!(Hub::run(empty, run).is_err());
    assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
    assert_eq!(dsn.events().len(), 2);
}

/// Nothing is bound at the beginning, and the subscriber has Sentry's layer with its defaults.
fn alone() -> impl Drop {
    static ONCE: Once = Once::new();
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    ONCE.call_once(|| {
        #[expect(deprecated, reason = "applications have it")]
        let layer = sentry::integrations::tracing::layer();
        tracing_subscriber::registry().with(layer).init();
    });
    Hub::main().bind_client(None);
    alone
}

/// Sends rounds of requests to applications with layers of other crates at each place, and examines every event.
fn mixed(dsn: &Dsn, options: SentryOptions) {
    // A machine that is busy with other tests is no reason to report a slow request.
    let hour = Duration::from_secs(3_600);
    let reports = ReportPolicy::new().slower_than(hour, hour * 2).unwrap();
    let reports = reports.per_minute(u32::MAX);
    let vitals = Vitals::builder()
        .sentry(options.report_policy(reports))
        .build()
        .unwrap();
    let theirs = || {
        (
            NewSentryLayer::<Request>::new_from_top(),
            SentryHttpLayer::new(),
        )
    };
    let routes = Router::new()
        .route("/ok/{marker}", get(works))
        .route("/bad/{marker}", get(fails))
        .route("/says/{marker}", get(captures))
        .route("/asks/{marker}", get(asks));
    let traced = routes.clone().layer(TraceLayer::new_for_http());
    let apps = [
        routes.layer(vitals.layer()),
        traced.clone().layer(vitals.layer()),
        traced.clone().layer(vitals.layer()).layer(theirs()),
        traced.layer(theirs()).layer(vitals.layer()),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut next = 0;
    for app in apps {
        let address = serve(&runtime, app);
        for _ in 0..ROUNDS {
            runtime.block_on(round(address, next));
            next += AT_ONCE;
            Hub::main()
                .client()
                .unwrap()
                .flush(Some(Duration::from_secs(20)));
            assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
        }
    }
    examine(&dsn.events(), next);
}

fn serve(runtime: &Runtime, app: Router) -> SocketAddr {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        address
    })
}

async fn round(address: SocketAddr, first: usize) {
    let requests = (first..first + AT_ONCE).map(|n| async move {
        let kind = ["ok", "bad", "says", "asks"][n / 2 % 4];
        let mut client = match n % 2 {
            0 => Client::Http1(address, None),
            _ => Client::Http2(address, None),
        };
        let mut request = client.request("GET", &format!("/{kind}/{}", marker(n)));
        let id = format!("id-{}", marker(n)).parse().unwrap();
        request.headers_mut().insert("x-request-id", id);
        let response = client.send(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    });
    let requests: Vec<_> = requests.map(task::spawn).collect();
    for request in requests {
        request.await.unwrap();
    }
}

/// A word that no other request has.
fn marker(n: usize) -> String {
    format!("mark{n:06}")
}

/// Leaves its marker wherever the SDK takes one.
async fn leave(marker: &str) {
    tracing::info!("begins {marker}");
    RequestContext::current().user(marker).tag("marker", marker);
    sentry::configure_scope(|scope| {
        scope.set_tag("scope", marker);
        scope.set_extra("extra", marker.into());
        scope.set_user(Some(User {
            id: Some(marker.into()),
            ..User::default()
        }));
        let context = [("marker".to_owned(), Value::from(marker))];
        scope.set_context("own", sentry::protocol::Context::Other(context.into()));
    });
    task::yield_now().await;
    tracing::warn!("goes on {marker}");
}

/// A task that nobody gave the request's scope. It leaves its data on the hub of a thread that others use.
async fn stray(marker: &str) {
    let marker = marker.to_owned();
    let stray = task::spawn(async move {
        sentry::configure_scope(|scope| scope.set_tag("stray", &marker));
        tracing::warn!("astray {marker}");
    });
    stray.await.unwrap();
}

async fn works(Path(marker): Path<String>) {
    leave(&marker).await;
    stray(&marker).await;
}

async fn fails(Path(marker): Path<String>) -> StatusCode {
    leave(&marker).await;
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn captures(Path(marker): Path<String>) {
    leave(&marker).await;
    sentry::capture_message(&format!("{marker} handler"), Level::Info);
    let exchange = Exchange::current().unwrap();
    let own = marker.clone();
    let scoped = task::spawn(Arc::clone(&exchange).scope(async move {
        task::yield_now().await;
        tracing::info!("task {own}");
        sentry::capture_message(&format!("{own} task"), Level::Info);
    }));
    let own = marker.clone();
    let blocking = task::spawn_blocking(move || {
        exchange.run(|| sentry::capture_message(&format!("{own} blocking"), Level::Info));
    });
    scoped.await.unwrap();
    blocking.await.unwrap();
}

/// Asks a service of its own in this process, which fails.
async fn asks(Path(marker): Path<String>) {
    leave(&marker).await;
    let inner = format!("{marker}inner");
    let vitals = Vitals::builder()
        .isolated()
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    let fails = async move || {
        tracing::info!("within {inner}");
        sentry::capture_message(&inner, Level::Info);
    };
    let app = Router::new().route("/", get(fails)).layer(vitals.layer());
    app.oneshot(Request::<axum::body::Body>::default())
        .await
        .unwrap();
}

fn examine(events: &[Value], requests: usize) {
    let mut traces = HashMap::new();
    let mut failed = BTreeSet::new();
    let mut captured = 0;
    for event in events {
        let text = event.to_string();
        let markers: BTreeSet<&str> = text
            .match_indices("mark")
            .filter_map(|(at, _)| text.get(at..at + 10))
            .filter(|marker| marker[4..].bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        let [marker] = markers.iter().copied().collect::<Vec<_>>()[..] else {
            panic!("an event has the data of {markers:?}: {event:#}");
        };
        assert!(!text.contains("astray"), "{event:#}");
        let is_inner = text.contains(&format!("{marker}inner"));
        if !is_inner {
            assert_eq!(event["tags"]["request_id"], format!("id-{marker}"));
            assert_eq!(event["user"]["id"], marker);
        } else {
            assert!(event.get("user").is_none(), "{event:#}");
        }
        let trace = &event["contexts"]["trace"]["trace_id"];
        let trace = trace.as_str().unwrap().to_owned();
        let of = traces.entry(trace).or_insert((marker.to_owned(), is_inner));
        assert_eq!((of.0.as_str(), of.1), (marker, is_inner), "one trace");
        if event["transaction"] == "/bad/{marker}" {
            failed.insert(marker.to_owned());
        } else {
            captured += 1;
        }
    }
    assert_eq!(failed.len(), requests / 4, "each failure is reported");
    assert!(captured >= requests / 4 * 4, "{captured} were captured");
}
