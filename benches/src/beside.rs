//! Prints how long requests take beside evaluations of many rules, and beside many readers of the monitoring API.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    http::{Method, StatusCode},
    routing::get,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, interval},
};
use tower_vitals::{
    Vitals,
    alerts::{Alerts, Rule, Signal},
    monitoring::{Access, Monitoring},
};

/// How many requests are measured, one every two milliseconds.
const REQUESTS: usize = 5_000;

pub fn print() {
    println!("Times of {REQUESTS} requests over loopback, one every 2 ms, in microseconds.\n");
    println!("| beside | p50 | p99 |\n| --- | ---: | ---: |");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for round in 1..=2 {
        for (what, evaluates, asked) in [
            ("nothing", false, None),
            (
                "1,000 requests a second of the application",
                false,
                Some("/a"),
            ),
            (
                "1,000 rules over 1,000 endpoints, again and again",
                true,
                None,
            ),
            (
                "100 slow readers and 1,000 requests a second of the API",
                false,
                Some("/api/v1/monitoring/status"),
            ),
        ] {
            let times = runtime.block_on(times(evaluates, asked));
            let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
            println!("| {what}, round {round} | {p50:.0} | {p99:.0} |");
        }
    }
}

/// `asked`: what others ask meanwhile, a thousand times a second. Of the API, others read slowly, too.
async fn times(evaluates: bool, asked: Option<&'static str>) -> Vec<f64> {
    let rules = (0..if evaluates { 1_000 } else { 1 }).map(|number| {
        let rule = Rule::new(format!("rule_{number}"), Signal::error_rate_percent());
        rule.above(0.1).at_least(1).each_endpoint()
    });
    let vitals = Vitals::builder()
        .isolated()
        .alerts(Alerts::none().rules(rules))
        .monitoring(Monitoring::new(Access::Loopback))
        .build()
        .expect("settings that work");
    for number in 0..1_000 {
        let endpoint = String::leak(format!("/api/v1/things/{number}"));
        for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
            let time = Duration::from_millis(20);
            vitals
                .metrics()
                .record_request(&Method::GET, endpoint, status, time);
        }
    }
    let app = Router::new()
        .route("/a", get(async || "a"))
        .layer(vitals.layer())
        .merge(vitals.routes());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let served = tokio::spawn(async move { axum::serve(listener, app).await });
    let stop = Arc::new(AtomicBool::new(false));
    let evaluating = evaluates.then(|| {
        let (alerts, stop) = (vitals.alerts(), Arc::clone(&stop));
        thread::spawn(move || {
            while !stop.load(Relaxed) {
                alerts.evaluate();
                thread::sleep(Duration::from_millis(100));
            }
        })
    });
    let mut tasks = Vec::new();
    if let Some(path) = asked {
        for _ in 0..if path == "/a" { 0 } else { 100 } {
            tasks.push(tokio::spawn(slow(at)));
        }
        for _ in 0..4 {
            tasks.push(tokio::spawn(often(at, path)));
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let mut times = Vec::with_capacity(REQUESTS);
    let mut ticks = interval(Duration::from_millis(2));
    for _ in 0..REQUESTS {
        ticks.tick().await;
        let begin = Instant::now();
        ask(&mut stream, "/a").await;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    stop.store(true, Relaxed);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    served.abort();
    if let Some(evaluating) = evaluating {
        evaluating.join().expect("no panic");
    }
    times
}

/// By the nearest rank.
fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() * percent / 100 - 1]
}

/// Sends a request, and reads until the end of its answer.
async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut read = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let count = stream.read(&mut part).await.expect("an answer");
        assert_ne!(count, 0, "the server ended");
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ").map(|(_, rest)| {
            rest.lines()
                .next()
                .and_then(|line| line.trim().parse::<usize>().ok())
        });
        if body.len() >= length.flatten().unwrap_or(0) {
            return;
        }
    }
}

/// Reads an answer one byte after the other.
async fn slow(at: SocketAddr) {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let request = "GET /api/v1/monitoring/endpoints?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut byte = [0];
    while stream.read(&mut byte).await.is_ok_and(|count| count > 0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks 250 times a second.
async fn often(at: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let mut ticks = interval(Duration::from_millis(4));
    loop {
        ticks.tick().await;
        ask(&mut stream, path).await;
    }
}
