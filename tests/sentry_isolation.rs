//! Mixes requests on shared threads and looks for the data of one in what Sentry gets of another. It is a process of its own,
//! because a process has one main hub and one global subscriber.
//!
//! `ISOLATION_ROUNDS` says how many rounds of requests each client takes. CI sets 200.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "isolation/app.rs"]
#[expect(
    clippy::disallowed_types,
    reason = "the SDK's macros for logs read the clock"
)]
mod app;
#[path = "it/support/client.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod client;
#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "isolation/examine.rs"]
mod examine;
#[path = "isolation/serving.rs"]
mod serving;

use std::{
    env,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Duration,
};

use axum::{Router, extract::Request};
use http_body_util::BodyExt;
use sentry::{ClientOptions, Hub};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tokio::task;
use tower_http::trace::TraceLayer;
use tower_vitals::{
    Vitals,
    alerts::Alerts,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    app::{KINDS, Place, id_of, routes, trace_of},
    client::Client,
    dsn::{Answer, Dsn},
    examine::{Around, Seen},
    serving::Server,
};

const AT_ONCE: usize = 64;

/// What the main thread of this process runs, one after the other.
type Job = Box<dyn FnOnce() + Send>;

#[test]
fn a_failure_shows_no_other_requests_data_with_a_client_of_this_crate() {
    on_main_thread(|| {
        let dsn = Dsn::start(Answer::Status(200));
        let options = SentryOptions::new(&dsn.url()).unwrap();
        mixed(&dsn, options);
    });
}

#[test]
fn a_failure_shows_no_other_requests_data_with_a_client_of_the_application() {
    on_main_thread(|| {
        let dsn = Dsn::start(Answer::Status(200));
        let options = ClientOptions::new().dsn(dsn.url().as_str());
        let _client = sentry::init(guard(options));
        mixed(&dsn, SentryOptions::current_client());
    });
}

#[test]
fn a_run_of_a_job_begins_with_what_the_main_hub_had_at_start_and_nothing_of_its_thread() {
    on_main_thread(|| {
        let dsn = Dsn::start(Answer::Status(200));
        Hub::main().configure_scope(|scope| scope.set_tag("region", "north"));
        let options = SentryOptions::new(&dsn.url()).unwrap();
        let vitals = Vitals::builder().sentry(options).build().unwrap();
        let leave = |scope: &mut sentry::Scope| scope.set_tag("left", true);
        // What is set later is not seen, wherever.
        Hub::main().configure_scope(leave);
        let ran = thread::spawn(move || {
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
        assert_eq!(tags["left"], serde_json::Value::Null);
        assert_eq!(event["breadcrumbs"], serde_json::Value::Null);
        // A job is found by the client of the main hub, also if the current hub has none.
        let empty = Arc::new(Hub::new(None, Arc::default()));
        let run = || tower_vitals::job("rollup").try_time(|| Err::<(), _>("as asked"));
        assert!(Hub::run(empty, run).is_err());
        assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
        assert_eq!(dsn.events().len(), 2);
    });
}

/// Runs a test on the thread whose hub is the main hub, as that of `main` is. Nothing is bound there at the beginning, and the
/// subscriber has Sentry's layer with its defaults.
fn on_main_thread(test: impl FnOnce() + Send + 'static) {
    static MAIN: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let main = MAIN.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            // The first that asks has the main hub.
            Hub::main();
            #[expect(deprecated, reason = "applications have it")]
            let layer = sentry::integrations::tracing::layer();
            tracing_subscriber::registry().with(layer).init();
            ready.send(()).unwrap();
            for job in jobs {
                Hub::main().bind_client(None);
                job();
            }
        });
        is_ready.recv().unwrap();
        sender
    });
    let (done, is_done) = mpsc::channel();
    let job = move || done.send(catch_unwind(AssertUnwindSafe(test))).unwrap();
    main.send(Box::new(job)).unwrap();
    if let Err(panic) = is_done.recv().unwrap() {
        resume_unwind(panic);
    }
}

/// The application with layers of other crates at each place.
fn stacks(vitals: &Vitals, place: Place) -> [(Around, Router); 5] {
    let theirs = || {
        (
            NewSentryLayer::<Request>::new_from_top(),
            SentryHttpLayer::new(),
        )
    };
    let (ours, traced) = (vitals.layer(), TraceLayer::new_for_http());
    let routes = routes(place);
    let inside = routes.clone().layer(traced.clone());
    [
        (Around::default(), routes.layer(ours.clone())),
        (Around::traced(), inside.clone().layer(ours.clone())),
        (
            Around::traced_twice(),
            inside.clone().layer(ours.clone()).layer(traced),
        ),
        (
            Around::traced(),
            inside.clone().layer(ours.clone()).layer(theirs()),
        ),
        (Around::hidden(), inside.layer(theirs()).layer(ours)),
    ]
}

/// Sends rounds of requests to each application, on threads that share their tasks and on a thread with a `LocalSet`, and
/// examines all that Sentry gets.
fn mixed(dsn: &Dsn, options: SentryOptions) {
    // A machine that is busy with other tests is no reason to report a slow request.
    let hour = Duration::from_secs(3_600);
    let reports = ReportPolicy::new().slower_than(hour, hour * 2).unwrap();
    let reports = reports.per_minute(u32::MAX);
    let vitals = Vitals::builder()
        .sentry(options.report_policy(reports))
        // Each event is counted, and this can take longer than until rules are evaluated.
        .alerts(Alerts::none())
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let places = [Place::Threads, Place::LocalSet];
    let all = places
        .into_iter()
        .flat_map(|place| stacks(&vitals, place).map(|(around, app)| (place, around, app)));
    let all: Vec<_> = all.collect();
    let rounds = env::var("ISOLATION_ROUNDS").map_or(0, |rounds| rounds.parse().unwrap());
    let rounds = rounds.max(all.len()).div_ceil(all.len());
    let (mut next, mut seen) = (0, Seen::default());
    let flush = || {
        let bound = Hub::main().client().unwrap();
        bound.flush(Some(Duration::from_secs(20)));
        assert_eq!(vitals.flush(Duration::from_secs(20)), 0);
        dsn.take()
    };
    // What belongs to the start.
    flush();
    for (place, around, app) in all {
        let server = match place {
            Place::Threads => Server::on_threads(&runtime, app),
            Place::LocalSet => Server::in_local_set(app),
        };
        for _ in 0..rounds {
            runtime.block_on(round(server.address, next));
            seen.examine(&flush(), around, next..next + AT_ONCE);
            next += AT_ONCE;
        }
    }
}

async fn round(address: SocketAddr, first: usize) {
    let requests = (first..first + AT_ONCE).map(|n| async move {
        let mut client = match n % 2 {
            0 => Client::Http1(address, None),
            _ => Client::Http2(address, None),
        };
        let kind = KINDS[n / 2 % KINDS.len()];
        let mut request = client.request("GET", &format!("/{kind}/{}", app::marker(n)));
        let headers = request.headers_mut();
        headers.insert("x-request-id", id_of(n).parse().unwrap());
        if let Some(trace) = trace_of(n) {
            let (name, value) = match n % 3 {
                0 => ("traceparent", format!("00-{trace}-{:016x}-01", n + 1)),
                _ => ("sentry-trace", format!("{trace}-{:016x}-1", n + 1)),
            };
            headers.insert(name, value.parse().unwrap());
        }
        let response = client.send(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    });
    let requests: Vec<_> = requests.map(task::spawn).collect();
    for request in requests {
        request.await.unwrap();
    }
}
