//! Serves requests while nobody can be told.

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use tokio::time::Instant;
use tower_vitals::{Vitals, alerts::AlertSeverity, notify::Notifiers};

use crate::{Level, notes::Hangs, stack};

/// The times of so many requests over a socket, the shortest first.
async fn times(address: SocketAddr, count: usize) -> Vec<Duration> {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        let answer = client.get(format!("http://{address}/")).send().await;
        assert_eq!(answer.unwrap().text().await.unwrap(), "served");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

fn p99(times: &[Duration]) -> f64 {
    times[times.len() * 99 / 100].as_secs_f64()
}

#[tokio::test]
async fn requests_are_served_while_every_notifier_hangs_and_ten_thousand_notifications_wait() {
    let level = Level::default();
    let names: [&'static str; 32] =
        std::array::from_fn(|index| &*format!("notifier{index}").leak());
    let made = names.map(Hangs::new);
    let (mut notifiers, mut ends) = (Notifiers::new(), Vec::new());
    for (hanging, hangs, end) in made {
        notifiers = notifiers.notifier(hanging);
        ends.push((hangs, end));
    }
    let vitals: Vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(notifiers)
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(|| async { "served" }))
        .layer(vitals.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    let before = times(address, 300).await;
    // 32 times 313 are more than 10,000, of which each queue keeps 256.
    for index in 0..313 {
        vitals.notify(AlertSeverity::Critical, &index.to_string(), "");
    }
    for (hangs, _) in &ends {
        hangs.recv().unwrap();
    }
    level.set(2);
    assert_eq!(vitals.alerts().evaluate().len(), 1);
    let meanwhile = times(address, 300).await;
    assert_eq!(vitals.metrics().totals().started, 600);
    println!(
        "p99: {:.2} times that of before",
        p99(&meanwhile) / p99(&before)
    );
}
