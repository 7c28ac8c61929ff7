//! A shop under a load of its own that prints what it did lately: which endpoint is slow, what fails, and since which release.
//!
//! Run `cargo run --example statistics`. It prints every three seconds until Ctrl-C, and ends by itself after `ROUNDS` tables.

use std::{
    env,
    error::Error,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{Method, Request, StatusCode},
    routing::{get, post},
};
use tokio::time::{self, MissedTickBehavior};
use tower::ServiceExt;
use tower_vitals::{
    Deployment, Vitals,
    category::ErrorCategory,
    statistics::{
        DeploymentStatistics, EndpointOrder, EndpointStatistics, ErrorStatistics,
        ReleaseStatistics, Statistics, StatisticsHandle,
    },
};

/// How much of the past a table shows.
const WINDOW: Duration = Duration::from_secs(60);

/// How often a table is printed.
const EVERY: Duration = Duration::from_secs(3);

/// The version with the slow search is deployed before this table.
const DEPLOYED_IN_ROUND: u64 = 4;

/// Whether that version runs.
static SEARCH_IS_SLOW: AtomicBool = AtomicBool::new(false);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds: u64 = match env::var("ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => u64::MAX,
    };
    let vitals = Vitals::from_env()?.build()?;
    vitals.record_deployment(&Deployment::new("1.0").changes("opens the shop"));

    let shop = Router::new()
        .route("/products", get(products))
        .route("/products/{id}", get(product))
        .route("/search", get(search))
        .route("/orders", post(order))
        .route("/invoices/{id}", get(invoice))
        .layer(vitals.layer());
    for customer in 0..8 {
        tokio::spawn(shop_forever(shop.clone(), customer));
    }
    tokio::spawn(pack_orders(vitals.clone()));

    let mut ticks = time::interval_at(time::Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1..=rounds {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        if round == DEPLOYED_IN_ROUND {
            SEARCH_IS_SLOW.store(true, Relaxed);
            vitals.record_deployment(&Deployment::new("1.1").changes("a better search"));
        }
        print(&vitals.statistics())?;
    }
    Ok(())
}

/// Waits for a time around `millis`.
async fn work(millis: u64) {
    let micros = millis * 1_000;
    time::sleep(Duration::from_micros(fastrand::u64(
        micros / 2..=micros * 2,
    )))
    .await;
}

async fn products() -> &'static str {
    work(2).await;
    "tea, coffee, mate\n"
}

async fn product(Path(id): Path<u32>) -> Result<String, StatusCode> {
    work(4).await;
    match id {
        0..90 => Ok(format!("product {id}\n")),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

async fn search() -> Result<&'static str, StatusCode> {
    if !SEARCH_IS_SLOW.load(Relaxed) {
        work(20).await;
        return Ok("three products\n");
    }
    work(250).await;
    match fastrand::u8(..4) {
        0 => Err(StatusCode::GATEWAY_TIMEOUT),
        _ => Ok("three better products\n"),
    }
}

async fn order() -> Result<&'static str, StatusCode> {
    work(30).await;
    match fastrand::u8(..20) {
        0 => Err(StatusCode::INTERNAL_SERVER_ERROR),
        1 => Err(StatusCode::CONFLICT),
        _ => Ok("thank you\n"),
    }
}

async fn invoice(Path(_): Path<u32>) -> &'static str {
    work(400).await;
    "an invoice\n"
}

/// One customer, who looks more than she buys.
async fn shop_forever(shop: Router, customer: u32) {
    loop {
        let (method, path) = match fastrand::u8(..20) {
            0..8 => (Method::GET, "/products".to_owned()),
            8..14 => (Method::GET, format!("/products/{}", fastrand::u8(..100))),
            14..17 => (Method::GET, "/search?q=tea".to_owned()),
            17..19 => (Method::POST, "/orders".to_owned()),
            _ => (Method::GET, format!("/invoices/{customer}")),
        };
        let request = Request::builder().method(method).uri(path);
        if let Ok(request) = request.body(Body::empty()) {
            // Nobody reads the body, but the shop has answered.
            let _ = shop.clone().oneshot(request).await;
        }
        work(20).await;
    }
}

/// A worker that takes orders from a queue. No layer sees that, so it is counted after the fact.
async fn pack_orders(vitals: Vitals) {
    loop {
        let begun = time::Instant::now();
        work(150).await;
        let packed = StatusCode::OK;
        let metrics = vitals.metrics();
        metrics.record_request(&Method::POST, "queue/orders", packed, begun.elapsed());
        if fastrand::u8(..10) == 0 {
            metrics.record_error(ErrorCategory::ExternalService, "queue/orders");
        }
    }
}

fn print(statistics: &StatisticsHandle) -> Result<(), Box<dyn Error>> {
    let lately = statistics.over(WINDOW)?;
    print_summary(&lately);
    print_endpoints(&lately.endpoints(EndpointOrder::P95));
    print_errors(&lately.errors);
    print_releases(&statistics.releases(), &statistics.deployments());
    Ok(())
}

fn print_summary(lately: &Statistics) {
    let total = &lately.total;
    println!(
        "\nlast {:.0} s, {:.0} s observed: {} requests, {}/s, {} failed, {} in flight",
        lately.window_seconds,
        lately.covered_seconds,
        total.requests,
        one_decimal(lately.requests_per_second),
        percent(total.error_rate),
        lately.in_flight,
    );
}

/// The slowest first.
fn print_endpoints(endpoints: &[&EndpointStatistics]) {
    if endpoints.is_empty() {
        return;
    }
    println!(
        "\n{:<18} {:>8} {:>7} {:>4} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "endpoint", "requests", "errors", "4xx", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms",
    );
    for EndpointStatistics {
        method,
        endpoint,
        traffic,
        ..
    } in endpoints
    {
        println!(
            "{:<18} {:>8} {:>7} {:>4} {:>7} {:>7} {:>7} {:>7} {:>7}",
            format!("{method} {endpoint}"),
            traffic.requests,
            percent(traffic.error_rate),
            traffic.client_errors,
            one_decimal(traffic.mean_ms),
            one_decimal(traffic.p50_ms),
            one_decimal(traffic.p95_ms),
            one_decimal(traffic.p99_ms),
            one_decimal(traffic.max_ms),
        );
    }
}

fn print_errors(errors: &[ErrorStatistics]) {
    if errors.is_empty() {
        return;
    }
    println!(
        "\n{:<17} {:<20} {:>8} {:>7} {:>7} {:>7}",
        "category", "endpoint", "count", "share", "before", "change",
    );
    for error in errors {
        let change = error.change.map(|change| format!("{change:+}"));
        println!(
            "{:<17} {:<20} {:>8} {:>7} {:>7} {:>7}",
            error.category.as_str(),
            error.endpoint,
            error.count,
            percent(error.share),
            error.previous,
            change.as_deref().unwrap_or("-"),
        );
    }
}

fn print_releases(releases: &[ReleaseStatistics], deployments: &DeploymentStatistics) {
    if releases.is_empty() {
        return;
    }
    println!(
        "\n{:<8} {:<24} {:>8} {:>7} {:>9}  more errors",
        "release", "since", "requests", "errors", "p95 ms",
    );
    for (release, judged) in releases.iter().zip(&deployments.deployments) {
        println!(
            "{:<8} {:<24} {:>8} {:>7} {:>9}  {}",
            release.version,
            release.since.to_string(),
            release.traffic.requests,
            percent(release.traffic.error_rate),
            one_decimal(release.traffic.p95_ms),
            match judged.more_errors {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            },
        );
    }
}

/// What is not known is a dash.
fn one_decimal(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.1}"))
}

fn percent(share: Option<f64>) -> String {
    let share = share.map(|share| format!("{:.1} %", share * 100.0));
    share.unwrap_or_else(|| "-".into())
}
