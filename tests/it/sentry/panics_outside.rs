//! Limits and names the panics that belong to no watched request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{Router, routing::get};
use sentry::Hub;
use tokio::task;
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role, Status},
    metrics::Sink,
    report::ReportPolicy,
    sentry::SentryOptions,
    vitals::VitalsBuilder,
};

use super::{LONG, reporting, send, texts};
use crate::support::{
    dsn::{Answer, Dsn},
    waiting::eventually,
};

/// A stack that tells two panics of one place in a minute: to collect a stack takes long.
fn few(dsn: &Dsn) -> VitalsBuilder {
    let options = SentryOptions::new(&dsn.url()).unwrap();
    reporting(dsn).sentry(options.report_policy(ReportPolicy::new().per_minute(2)))
}

/// A stack whose client the code of this thread has, also outside of requests.
fn bound_here(dsn: &Dsn) -> Vitals {
    let vitals = few(dsn).exclude(["/excluded"]).build().unwrap();
    let client = sentry_client(&vitals);
    Hub::current().bind_client(Some(client));
    vitals
}

/// The client of a stack, as its requests have it.
fn sentry_client(vitals: &Vitals) -> Arc<sentry::Client> {
    let found = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&found);
    let app = Router::new()
        .route(
            "/client",
            get(async move || *keep.lock().unwrap() = Hub::current().client()),
        )
        .layer(vitals.layer());
    futures::executor::block_on(send(&app, "/client"));
    let client = found.lock().unwrap().take();
    client.unwrap()
}

fn held_back(vitals: &Vitals) -> u64 {
    vitals.metrics().totals().dropped(Sink::SentryFlood)
}

fn one_place() {
    panic!("as asked")
}

fn other_place() {
    panic!("as asked")
}

#[tokio::test]
async fn a_task_that_panics_in_a_loop_is_a_few_errors_and_another_is_told() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = bound_here(&dsn);
    for _ in 0..6 {
        task::spawn(async { one_place() }).await.unwrap_err();
    }
    task::spawn(async { other_place() }).await.unwrap_err();
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 2 + 1);
    assert_eq!(held_back(&vitals), 4);
    // The level `error` is the default of the protocol, and is not sent.
    assert!(
        texts(&events, ["/level"])
            .iter()
            .all(|level| *level == [None])
    );
}

#[tokio::test]
async fn panics_on_an_excluded_path_are_a_few_errors() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = bound_here(&dsn);
    let app = Router::new()
        .route("/excluded", get(async || one_place()))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer());
    for _ in 0..6 {
        assert_eq!(send(&app, "/excluded").await, 500);
    }
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 2);
    assert_eq!(held_back(&vitals), 4);
    let frames = &events[0]["exception"]["values"][0]["stacktrace"]["frames"];
    let of_axum = |frame: &&serde_json::Value| {
        frame["function"]
            .as_str()
            .is_some_and(|name| name.contains("axum::") && !name.contains("it::"))
    };
    let mut of_axum = frames.as_array().unwrap().iter().filter(of_axum).peekable();
    assert!(of_axum.peek().is_some(), "{frames}");
    assert!(of_axum.all(|frame| frame["in_app"] == false));
}

#[tokio::test]
async fn a_panic_of_a_thread_ends_in_the_frame_of_the_application() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = bound_here(&dsn);
    let hub = Hub::current();
    let panics = move || Hub::run(hub, || Option::<u8>::None.map_or_else(one_place, drop));
    thread::spawn(panics).join().unwrap_err();
    vitals.flush(LONG);
    let event = dsn.event();
    let frames = &event["exception"]["values"][0]["stacktrace"]["frames"];
    let frames = frames.as_array().unwrap();
    let last = frames.last().unwrap();
    let function = last["function"].as_str().unwrap();
    assert!(function.ends_with("outside::one_place"), "{function}");
    assert_eq!(last["in_app"], true);
    let foreign = |name: &str| {
        ["std::", "core::", "sentry_core::"]
            .iter()
            .any(|one| name.starts_with(one))
    };
    for frame in frames.iter().filter(|frame| frame["in_app"] == true) {
        let function = frame["function"].as_str().unwrap();
        assert!(!foreign(function), "{function}");
    }
}

/// Runs a check that panics until it was asked a few times, and returns the stack.
async fn asked_often(dsn: &Dsn, role: Role) -> Vitals {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let check = Check::new("database", move || {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            one_place();
            Ok::<_, std::convert::Infallible>(())
        }
    });
    let check = check.role(role).interval(Duration::from_millis(1));
    let health = Health::builder().check(check).start().unwrap();
    // The check is asked for the first time when this task waits.
    let vitals = few(dsn).health(health.service()).build().unwrap();
    Hub::current().bind_client(Some(sentry_client(&vitals)));
    eventually(|| (asked.load(Ordering::Relaxed) > 5).then_some(()))
        .await
        .unwrap();
    assert!(
        health
            .reports()
            .iter()
            .all(|report| report.status == Status::Unhealthy)
    );
    vitals
}

#[tokio::test]
async fn a_critical_check_that_panics_is_told_once_by_its_name() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = asked_often(&dsn, Role::Critical).await;
    vitals.flush(LONG);
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "health check database failed");
    assert_eq!(event["extra"]["error"], "the check panicked: as asked");
    assert_eq!(event["tags"]["check"], "database");
}

#[tokio::test]
async fn an_optional_check_that_panics_is_told_a_few_times_with_its_name() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = asked_often(&dsn, Role::Optional).await;
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 2);
    let named = texts(&events, ["/tags/check", "/exception/values/0/value"]);
    assert!(
        named
            .iter()
            .all(|event| *event == [Some("database"), Some("as asked")])
    );
    assert!(held_back(&vitals) > 2);
}
