//! Prints what open pages of the console cost a service.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tower::ServiceExt;
use tower_vitals::{
    Vitals,
    monitoring::{Access, Monitoring, PeerAddress},
};

const PAGES: u32 = 100;

/// How often a page asks.
const EVERY: Duration = Duration::from_secs(2);

/// For how long the pages are open.
const OPEN: Duration = Duration::from_secs(20);

pub fn print() {
    println!("{PAGES} open pages of the console, each asking every two seconds.\n");
    println!("| endpoints | of a processor |\n| ---: | ---: |");
    for endpoints in [50, 500, 2_000] {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let share = runtime.block_on(share(endpoints));
        println!("| {endpoints} | {:.2} % |", share * 100.0);
    }
}

/// The CPU time of the process for each second, beside that of the same service without a page.
async fn share(endpoints: usize) -> f64 {
    let vitals = Vitals::builder()
        .isolated()
        .monitoring(Monitoring::new(Access::Loopback))
        .build()
        .expect("settings that work");
    let names: Vec<&'static str> = (0..endpoints)
        .map(|number| &*String::leak(format!("/api/v1/things/{number}")))
        .collect();
    let without = busy(&vitals, &names, 0).await;
    let with = busy(&vitals, &names, PAGES).await;
    (with - without) / OPEN.as_secs_f64()
}

/// The CPU time while each endpoint has a request a second and so many pages are open.
async fn busy(vitals: &Vitals, names: &[&'static str], pages: u32) -> f64 {
    let end = Instant::now() + OPEN;
    let before = cpu_time();
    for page in 0..pages {
        let vitals = vitals.clone();
        tokio::spawn(async move {
            tokio::time::sleep(EVERY * page / PAGES).await;
            let mut cursor = String::new();
            let mut ticks = interval(EVERY);
            loop {
                ticks.tick().await;
                cursor = poll(&vitals, &cursor).await;
            }
        });
    }
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < end {
        ticks.tick().await;
        for name in names {
            let time = Duration::from_millis(20);
            vitals
                .metrics()
                .record_request(&Method::GET, name, StatusCode::OK, time);
        }
    }
    sleep_until(end).await;
    cpu_time() - before
}

/// Asks as a page does, and gives the next cursor.
async fn poll(vitals: &Vitals, cursor: &str) -> String {
    let service = vitals.monitoring().expect("the API is on");
    let path = match cursor {
        "" => "/api/v1/monitoring/console.json".to_owned(),
        cursor => format!("/api/v1/monitoring/console.json?since={cursor}"),
    };
    let request = Request::get(path).header("host", "localhost");
    let mut request = request.body(Body::empty()).expect("a request");
    let peer = "127.0.0.1:9".parse().expect("an address");
    request.extensions_mut().insert(PeerAddress(peer));
    let Ok(answer) = service.oneshot(request).await;
    assert!(
        answer.status() == 200 || answer.status() == 304,
        "{answer:?}"
    );
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    let text = String::from_utf8_lossy(&body);
    let after = text.split_once("\"cursor\":\"").map(|(_, rest)| rest);
    let next = after.and_then(|rest| rest.split_once('"'));
    next.map_or_else(|| cursor.to_owned(), |(next, _)| next.to_owned())
}

/// The CPU time of the process, in seconds.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
