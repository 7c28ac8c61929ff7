//! Reports to Sentry the runs that fail, once, and with the data of the right run.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::FutureExt;
use sentry::{
    Breadcrumb, ClientOptions, Hub, Level, SentryFutureExt, User,
    integrations::panic::PanicIntegration,
    protocol::{Context, Event},
    test::TestTransport,
};
use tower::ServiceExt;
use tower_vitals::{
    RequestContext, Vitals,
    exchange::Exchange,
    operations::Job,
    sentry::{SentryOptions, guard},
};
use tracing_subscriber::layer::SubscriberExt;

use super::{no_order, watched};

/// A hub with a client of the application, and with what another request has left there.
fn bound() -> (Arc<TestTransport>, Arc<Hub>) {
    bound_with(ClientOptions::new())
}

/// The same, of a client that hears of panics as they begin.
fn bound_to_hear_of_panics() -> (Arc<TestTransport>, Arc<Hub>) {
    bound_with(ClientOptions::new().add_integration(PanicIntegration::default()))
}

fn bound_with(options: ClientOptions) -> (Arc<TestTransport>, Arc<Hub>) {
    let transport = TestTransport::new();
    let options = options
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&transport));
    let client = sentry::Client::with_options(guard(options));
    let hub = Arc::new(Hub::new(Some(Arc::new(client)), Arc::default()));
    Hub::run(Arc::clone(&hub), || {
        sentry::configure_scope(|scope| {
            scope.set_tag("foreign", true);
            scope.set_user(Some(User {
                id: Some("another".into()),
                ..User::default()
            }));
        });
        sentry::add_breadcrumb(Breadcrumb {
            message: Some("of another request".into()),
            ..Breadcrumb::default()
        });
    });
    (transport, hub)
}

/// The events that were sent since the last call, without waiting for more.
fn events(transport: &TestTransport, hub: &Hub) -> Vec<Event<'static>> {
    hub.client()
        .unwrap()
        .flush(Some(std::time::Duration::from_secs(20)));
    transport.fetch_and_clear_events()
}

/// Adds data to the run, and waits once.
async fn work(tag: &'static str) {
    RequestContext::current().user("u-1").tag("step", tag);
    // A run keeps its name.
    Exchange::current().unwrap().set_route("/another");
    sentry::add_breadcrumb(Breadcrumb {
        message: Some(format!("crumb of {tag}")),
        ..Breadcrumb::default()
    });
    sentry::configure_scope(|scope| scope.set_tag("scoped", tag));
    tokio::task::yield_now().await;
}

async fn failing(job: Job, tag: &'static str) -> String {
    let run = job.try_run(async {
        work(tag).await;
        let id = Exchange::current().unwrap().id().unwrap().to_owned();
        Err::<(), _>((id, no_order())).map_err(|(id, error)| Told { id, error })
    });
    run.await.unwrap_err().id
}

#[derive(Debug)]
struct Told {
    id: String,
    error: super::NoOrder,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run failed")
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

fn as_asked() {
    panic!("as asked");
}

fn crumbs(event: &Event<'_>) -> Vec<String> {
    let all = event.breadcrumbs.iter();
    all.filter_map(|crumb| crumb.message.clone()).collect()
}

fn trace(event: &Event<'_>) -> String {
    match &event.contexts["trace"] {
        Context::Trace(trace) => trace.trace_id.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_is_one_event_with_its_causes_and_the_data_of_its_run() {
    let (_vitals, job) = watched("rollup");
    let (transport, hub) = bound();
    let id = failing(job, "one").bind_hub(Arc::clone(&hub)).await;
    let all = events(&transport, &hub);
    let [event] = &all[..] else {
        panic!("{all:#?}")
    };
    assert_eq!(event.level, Level::Error);
    let kinds: Vec<_> = event.exception.iter().map(|one| &*one.ty).collect();
    assert_eq!(kinds, ["ParseIntError", "NoOrder", "Told"]);
    for (tag, value) in [
        ("job", "rollup"),
        ("error_category", "server_error"),
        ("request_id", &id),
        ("step", "one"),
        ("scoped", "one"),
    ] {
        assert_eq!(event.tags.get(tag).map(|it| &**it), Some(value), "{tag}");
    }
    for tag in ["foreign", "endpoint", "method", "severity"] {
        assert_eq!(event.tags.get(tag), None, "{tag}");
    }
    assert_eq!(event.user.as_ref().unwrap().id.as_deref(), Some("u-1"));
    assert_eq!(crumbs(event), ["crumb of one"]);
    assert_eq!(event.transaction.as_deref(), Some("rollup"));
    assert_eq!(event.request, None);
    let parts = ["job", "rollup", "server_error", "failed"];
    assert_eq!(event.fingerprint[1..5], parts);
    assert_eq!(event.fingerprint[5..], ["Told", "ParseIntError"]);
    // The hub of the thread is as it was.
    let left = Hub::run(Arc::clone(&hub), || {
        sentry::capture_message("later", Level::Info);
        events(&transport, &hub)
    });
    assert_eq!(crumbs(&left[0]), ["of another request"]);
    assert_eq!(left[0].tags.get("job"), None);
}

#[tokio::test]
async fn a_panic_is_one_event_whoever_hears_of_it_first() {
    for (transport, hub) in [bound(), bound_to_hear_of_panics()] {
        let (_vitals, job) = watched("panicking");
        let run = job.run(async {
            work("two").await;
            as_asked();
        });
        let run = AssertUnwindSafe(run).catch_unwind();
        run.bind_hub(Arc::clone(&hub)).await.unwrap_err();
        let all = events(&transport, &hub);
        let [event] = &all[..] else {
            panic!("{all:#?}")
        };
        assert_eq!(event.exception[0].value.as_deref(), Some("as asked"));
        assert_eq!(event.level, Level::Error);
        assert_eq!(event.tags["job"], "panicking");
        assert_eq!(event.tags["error_category"], "server_error");
        assert_eq!(event.tags["step"], "two");
        assert_eq!(event.tags.get("severity"), None);
        assert_eq!(event.request, None);
        assert_eq!(crumbs(event), ["crumb of two"]);
        let parts = ["job", "panicking", "server_error", "panicked"];
        assert_eq!(event.fingerprint[1..5], parts);
    }
}

#[tokio::test]
async fn runs_at_once_have_a_scope_and_a_trace_each() {
    let (_vitals, job) = watched("at_once");
    let (transport, hub) = bound();
    let both = futures::future::join(failing(job.clone(), "one"), failing(job, "two"));
    let (first, second) = both.bind_hub(Arc::clone(&hub)).await;
    let all = events(&transport, &hub);
    let seen: Vec<_> = all
        .iter()
        .map(|event| {
            (
                event.tags["request_id"].clone(),
                event.tags["scoped"].clone(),
                crumbs(event),
            )
        })
        .collect();
    let expected = |id, tag: &str| (id, tag.to_owned(), vec![format!("crumb of {tag}")]);
    assert_eq!(seen, [expected(first, "one"), expected(second, "two")]);
    assert_ne!(trace(&all[0]), trace(&all[1]));
}

#[tokio::test]
async fn only_what_fails_is_reported_and_a_flood_is_few() {
    let (_vitals, job) = watched("flood");
    let (transport, hub) = bound();
    let all = async {
        job.clone().run(async {}).await;
        let left = job.clone().run(std::future::pending::<()>());
        assert_eq!(left.now_or_never(), None);
        for _ in 0..15 {
            failing(job.clone(), "again").await;
        }
        // Another error is another issue.
        job.clone()
            .try_run(async { Err::<(), _>(no_order()) })
            .await
            .unwrap_err();
        // An error that the run has told itself is not told again.
        let told = job.clone().try_run(async {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            sentry::capture_error(&error);
            Err::<(), _>(error)
        });
        told.await.unwrap_err();
    };
    all.bind_hub(Arc::clone(&hub)).await;
    let all = events(&transport, &hub);
    assert_eq!(all.len(), 10 + 1 + 1, "{all:#?}");
    let captured = &all[11];
    assert_eq!(
        captured.tags["job"], "flood",
        "an event of the code within a run"
    );
    assert!(captured.tags.contains_key("request_id"));
}

#[tokio::test]
async fn what_a_run_in_a_request_adds_stays_out_of_the_request_and_its_panic_is_told_once() {
    for (transport, hub) in [bound(), bound_to_hear_of_panics()] {
        in_a_request(&transport, &hub).await;
    }
}

async fn in_a_request(transport: &TestTransport, hub: &Arc<Hub>) {
    let (_, job) = watched("in_request");
    let options = SentryOptions::current_client();
    let vitals = Vitals::builder()
        .isolated()
        .catch_panics()
        .sentry(options)
        .build()
        .unwrap();
    let panicking = job.clone();
    let app = Router::new()
        .route(
            "/panic",
            get(async move || {
                panicking
                    .run(async {
                        work("inside").await;
                        as_asked();
                    })
                    .await
            }),
        )
        .route(
            "/fail",
            get(async move || {
                RequestContext::current().tag("of", "request");
                failing(job, "inside").await;
                sentry::capture_message("of the request", Level::Error);
            }),
        )
        .layer(vitals.layer());
    let send = |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).bind_hub(Arc::clone(hub))
    };
    assert_eq!(send("/panic").await.unwrap().status(), 500);
    let all = events(transport, hub);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0].tags["job"], "in_request");
    assert_eq!(send("/fail").await.unwrap().status(), 200);
    let all = events(transport, hub);
    let [of_job, of_request] = &all[..] else {
        panic!("{all:#?}")
    };
    assert_eq!(of_job.tags.get("of"), None);
    assert_eq!(of_job.tags.get("foreign"), None);
    assert_eq!(of_request.tags["of"], "request");
    for tag in ["step", "scoped", "job"] {
        assert_eq!(of_request.tags.get(tag), None, "{tag}");
    }
    assert!(!crumbs(of_request).contains(&"crumb of inside".to_owned()));
}

#[tokio::test]
async fn the_event_of_a_run_leaves_no_breadcrumb_on_the_thread() {
    let (_vitals, job) = watched("quiet");
    let (transport, hub) = bound();
    #[expect(deprecated, reason = "applications have it")]
    let layer = sentry::integrations::tracing::layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        Hub::run(Arc::clone(&hub), || {
            job.time(|| ());
            sentry::capture_message("later", Level::Info);
        });
    });
    let all = events(&transport, &hub);
    assert_eq!(all.len(), 1);
    assert_eq!(crumbs(&all[0]), ["of another request"]);
}
