//! Ends a service while its notifiers hang.

use std::{convert::Infallible, future::ready, time::Duration};

use axum::{Router, body::Body, routing::get};
use futures::stream;
use tokio::time::Instant;
use tower_vitals::{
    Deployment, alerts::AlertSeverity, health::Health, notify::Notifiers, sentry::SentryOptions,
};

use crate::{
    Level,
    exposition::Exposition,
    notes::{Hangs, Notes},
    stack,
};

#[tokio::test]
async fn notifiers_that_hang_cost_the_shutdown_its_deadline_and_a_number() {
    let level = Level::default();
    let (slack, hangs, _slack) = Hangs::new("slack");
    let (pagerduty, also, _pagerduty) = Hangs::new("pagerduty");
    let (works, noted) = Notes::new("works");
    let notifiers = Notifiers::new()
        .notifier(slack)
        .notifier(pagerduty)
        .notifier(works);
    let vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(notifiers)
        .build()
        .unwrap();
    level.set(2);
    vitals.alerts().evaluate();
    hangs.recv().unwrap();
    also.recv().unwrap();
    noted.next();
    for title in 0..50 {
        let told = vitals.notify(AlertSeverity::Critical, &title.to_string(), "");
        assert_eq!(told, 3);
    }
    // Both hang for ever, so it returns only because there is a deadline.
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert_eq!(report.untold, 102);
    assert_eq!(noted.rest().len(), 50);
    let lost = |notifier| {
        let labels = [("notifier", notifier), ("outcome", "dropped")];
        Exposition::of(&vitals).sum("vitals_notifications_total", &labels)
    };
    assert_eq!(["slack", "pagerduty", "works"].map(lost), [51.0, 51.0, 0.0]);
    assert_eq!(vitals.notify(AlertSeverity::Critical, "too late", ""), 0);
    assert_eq!(lost("works"), 1.0, "it is counted");
}

#[tokio::test]
async fn everything_that_hangs_at_once_costs_one_deadline_and_its_numbers() {
    let health = Health::builder().start().unwrap();
    let level = Level::default();
    let (slack, hangs, _slack) = Hangs::new("slack");
    let (pagerduty, also, _pagerduty) = Hangs::new("pagerduty");
    // Sentry takes each connection, and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://key@{}/1", listener.local_addr().unwrap());
    let deadline = Duration::from_millis(500);
    let vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(Notifiers::new().notifier(slack).notifier(pagerduty))
        .sentry(SentryOptions::new(&dsn).unwrap())
        .health(health.service())
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(deadline)
        .build()
        .unwrap();
    let endless = async || Body::from_stream(stream::pending::<Result<&'static str, Infallible>>());
    let app = Router::new()
        .route("/endless", get(endless))
        .layer(vitals.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/endless", listener.local_addr().unwrap());
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let running = tokio::spawn({
        let vitals = vitals.clone();
        async move { vitals.run(server).await.unwrap() }
    });
    let _response = reqwest::get(url).await.unwrap();
    // Told to Sentry and, as information, to both notifiers.
    vitals.record_deployment(&Deployment::new("1.4.2"));
    hangs.recv().unwrap();
    also.recv().unwrap();
    level.set(2);
    vitals.alerts().evaluate();
    for index in 0..400 {
        vitals.notify(AlertSeverity::Critical, &index.to_string(), "");
    }
    let begun = Instant::now();
    health.drain();
    let report = running.await.unwrap();
    let took = begun.elapsed();
    // 200 ms more are the promise. A machine that is busy can be late.
    assert!(
        (deadline..deadline + Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    println!("{took:?} for a deadline of {deadline:?}");
    assert_eq!(report.unfinished, 1);
    assert!(report.unsent >= 1, "{report:?}");
    // Of each, one is told at the moment, and 256 wait.
    assert_eq!(report.untold, 514);
}
