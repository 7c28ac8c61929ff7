//! Works with a Sentry client of the application, and without any.

use std::{
    env, panic,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use sentry::{ClientOptions, Hub, test::TestTransport};
use tower_vitals::{
    RequestIdLayer, SentryScopeLayer, Vitals, metrics::Sink, report::ReportPolicy,
    sentry::SentryOptions,
};

use super::{LONG, bound, broken, failing, own_client, send};
use crate::support::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
};

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

/// Runs itself again with `SENTRY_DSN` set: a stack without `.sentry(..)` must ignore the variable.
#[tokio::test]
async fn no_client_and_no_dsn_change_nothing() {
    let app = Router::new().route("/orders/{id}", get(failing));
    let hub = Arc::new(Hub::new(None, Arc::default()));
    let asked = async |app: Router| {
        let app = sentry::SentryFutureExt::bind_hub(send(&app, "/orders/1"), Arc::clone(&hub));
        assert_eq!(app.await, 500);
    };
    let without = Vitals::from_env().unwrap().isolated().build().unwrap();
    asked(app.clone().layer(without.layer())).await;
    asked(app.clone().layer(SentryScopeLayer::new())).await;
    assert_eq!(without.flush(LONG), 0);
    if env::var_os("SENTRY_DSN").is_some() {
        return;
    }
    let off = SentryOptions::from_env().unwrap();
    let vitals = Vitals::builder().isolated().sentry(off).build().unwrap();
    asked(app.layer(vitals.layer())).await;
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 0);

    let dsn = Dsn::start(Answer::Status(200));
    let name = concat!(module_path!(), "::no_client_and_no_dsn_change_nothing");
    let (_, name) = name.split_once("::").unwrap();
    let again = Command::new(env::current_exe().unwrap())
        .args(["--exact", name])
        .env("SENTRY_DSN", dsn.url())
        .output()
        .unwrap();
    let output = String::from_utf8(again.stdout).unwrap();
    assert!(again.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
    assert!(dsn.bytes().is_empty(), "{:?}", dsn.events());
}

#[test]
fn a_bad_dsn_fails_at_build_and_keeps_its_keys_to_itself() {
    for dsn in [
        "https://public:s3cret@example.org",
        "nonsense",
        "ftp://s3cret@h/1",
        "http//s3cret@sentry.example/1",
        "//s3cret@sentry.example/1",
        "SENTRY_DSN=http//s3cret@sentry.example/1",
        "http://sentry.example/s3cret@x/1",
        "http://s3cret/1",
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
    let reports = ReportPolicy::new().slower_than(Duration::from_secs(2), Duration::from_secs(2));
    assert_eq!(reports.unwrap_err().field(), "report_policy.error");
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
    let vitals = bound();
    let app = Router::new()
        .route("/500", get(broken))
        .layer(vitals.layer());
    assert_eq!(
        sentry::SentryFutureExt::bind_hub(send(&app, "/500"), hub).await,
        500
    );
    assert!(asked.load(Ordering::Relaxed));
    assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 1);
}
