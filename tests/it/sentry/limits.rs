//! Limits how many events are sent, and how long anybody waits for Sentry.

use std::{
    panic,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use sentry::{Client, ClientOptions, Hub, SentryFutureExt, integrations::panic::PanicIntegration};
use tokio::{
    task,
    time::{self, Instant},
};
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{
    Vitals,
    health::Health,
    metrics::Sink,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
};

use super::{LONG, bound, broken, one_issue, reporting, send, with_reports};
use crate::support::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
    reporting::lost_orders,
    waiting::settled,
};

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
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryFlood), 990);
}

#[tokio::test(start_paused = true)]
async fn after_a_flood_the_next_event_has_the_number_that_were_held_back() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = with_reports(&dsn, ReportPolicy::new().per_minute(1));
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

/// How long a busy machine may take. One attempt to send takes 10 s, and what waits for a hundred of them takes minutes.
const PATIENCE: Duration = Duration::from_secs(60);

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
            .report_policy(ReportPolicy::new().per_minute(u32::MAX));
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
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        let hangs = answer == Answer::Never;
        let allowed = if hangs { Duration::ZERO } else { PATIENCE };
        let began = Instant::now();
        let flushing = vitals.clone();
        let unsent = task::spawn_blocking(move || flushing.flush(allowed))
            .await
            .unwrap();
        drop((app, vitals.layer()));
        drop(vitals);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        let arrived = dsn.events().len() as u64;
        assert_eq!(arrived + unsent, 501, "all is accounted for");
        assert_eq!(arrived > 0, answer == Answer::Status(200) && !refused);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_request_waits_for_no_sentry() {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Never);
    // So long would it wait.
    let options = ClientOptions::new()
        .dsn(&dsn.url())
        .shutdown_timeout(PATIENCE * 2)
        .add_integration(PanicIntegration::default());
    let client = Arc::new(Client::with_options(guard(options)));
    let hub = Hub::new(Some(Arc::clone(&client)), Arc::default());
    let vitals = bound();
    let app = Router::new()
        .route("/panic", get(async || -> () { panic!("as asked") }))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer());
    let asked = async move { send(&app, "/panic").await };
    let asked = task::spawn(SentryFutureExt::bind_hub(asked, hub));
    assert_eq!(time::timeout(PATIENCE, asked).await.unwrap().unwrap(), 500);
    let flushing = Arc::clone(&client);
    let flush = move || flushing.flush(Some(Duration::ZERO));
    assert!(
        !task::spawn_blocking(flush).await.unwrap(),
        "it is on its way"
    );
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
    let unsent = move || {
        // The server refuses all reports, so the first number is that of the lost.
        flushing.flush(LONG);
        flushing.flush(Duration::ZERO)
    };
    let unsent = task::spawn_blocking(unsent).await.unwrap();
    assert_eq!(unsent, 0, "it came to an end");
    // Ten requests of the test, and the reports that the server sends to itself.
    let asked = asked.load(Ordering::Relaxed);
    assert!((11..100).contains(&asked), "{asked}");
    server.abort();
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
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
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
    // Less than one attempt to send takes.
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    assert_eq!((drained.unfinished, drained.unsent), (1, 3));
}
