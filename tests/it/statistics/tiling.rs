//! Cuts a run into windows that add up to it.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use tokio::time;
use tower_vitals::{Deployment, Vitals, statistics::Traffic};

use super::{all, by_status};
use crate::support::{client::Client, server::Server, stacks::isolated, waiting::settled};

/// An application whose answers have the status that is asked for.
async fn answering(vitals: &Vitals) -> Server {
    let answer = async |axum::extract::Path(status): axum::extract::Path<u16>| {
        StatusCode::from_u16(status).unwrap()
    };
    let app = Router::new().route("/answers/{status}", get(answer));
    Server::start(app.layer(vitals.layer())).await
}

async fn send(client: &mut Client, n: usize) {
    let statuses = [200, 404, 500, 200, 201];
    let path = format!("/answers/{}", statuses[n % statuses.len()]);
    client.text(&path).await;
}

/// The requests in the slot that has not ended.
fn in_open_slot(vitals: &Vitals) -> u64 {
    let shortest = vitals.statistics().over(Duration::from_nanos(1));
    shortest.unwrap().total.requests
}

/// Counts by status and by severity.
fn counts<'t>(all: impl Iterator<Item = &'t Traffic>) -> (u64, BTreeMap<String, u64>) {
    let (mut requests, mut counts) = (0, BTreeMap::new());
    for traffic in all {
        requests += traffic.requests;
        let statuses = traffic
            .statuses
            .iter()
            .map(|(name, count)| (&**name, count));
        let severities = traffic
            .severities
            .iter()
            .map(|(name, count)| (*name, count));
        for (name, count) in statuses.chain(severities) {
            *counts.entry(name.to_owned()).or_default() += count;
        }
    }
    (requests, counts)
}

#[tokio::test]
async fn the_requests_of_all_releases_add_up_to_those_of_the_run() {
    const SLOT: Duration = Duration::from_millis(500);
    let builder = Vitals::builder().isolated().statistics_slot(SLOT);
    let vitals = builder.build().unwrap();
    let server = answering(&vitals).await;
    let mut client = server.http1();
    let mut sent = 0;
    for version in ["1.0", "1.1", "1.2"] {
        vitals.record_deployment(&Deployment::new(version));
        // Until a slot has ended in which there were requests.
        loop {
            let before = in_open_slot(&vitals);
            send(&mut client, sent).await;
            sent += 1;
            settled(&vitals, |totals| totals.completed == sent as u64).await;
            if in_open_slot(&vitals) <= before {
                break;
            }
        }
        // A deployment is marked by the millisecond. In that in which the slot ended, it would be a part of that slot.
        time::sleep(Duration::from_millis(2)).await;
    }
    let releases = vitals.statistics().releases();
    assert_eq!(releases.len(), 3);
    let (requests, by_name) = counts(releases.iter().map(|release| &release.traffic));
    let lately = all(&vitals);
    assert_eq!(requests, sent as u64);
    assert_eq!((requests, by_name), counts([&lately.total].into_iter()));
    // The newest one has what no tick has seen yet.
    assert!(releases.iter().all(|release| release.traffic.requests > 0));
}

#[tokio::test]
async fn windows_before_and_after_a_clear_add_up_to_the_totals() {
    let vitals = isolated();
    let server = answering(&vitals).await;
    let mut client = server.http2();
    let mut parts = Vec::new();
    for part in 1..=3_usize {
        for n in 0..100 * part {
            send(&mut client, n).await;
        }
        let ended = 50 * part * (part + 1);
        settled(&vitals, |totals| totals.completed == ended as u64).await;
        parts.push(all(&vitals));
        vitals.statistics().clear();
        let cleared = all(&vitals);
        assert_eq!((cleared.started, cleared.total.requests), (0, 0));
        assert_eq!(by_status(&cleared), []);
        assert_eq!(
            (cleared.total.p95_ms, cleared.total.error_rate),
            (None, None)
        );
    }
    for (part, times) in parts.iter().zip(1..) {
        let counts = [("200", 40), ("201", 20), ("404", 20), ("500", 20)];
        let expected = counts
            .map(|(status, count)| (format!("GET /answers/{{status}} {status}"), count * times));
        assert_eq!(by_status(part), expected);
    }
    let started: u64 = parts.iter().map(|part| part.started).sum();
    let totals = vitals.metrics().totals();
    assert_eq!((started, totals.started), (600, 600));
}
