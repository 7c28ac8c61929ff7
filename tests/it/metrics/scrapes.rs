//! Answers scrapes with consistent numbers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use axum::{Router, body::Bytes, extract::Request, response::Response, routing::get};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpSocket, TcpStream},
    time,
};
use tower::{Layer, Service, ServiceExt};
use tower_vitals::{RequestIdLayer, Vitals};

use super::{named, naming, send};
use crate::support::{
    client::Client, exposition::Exposition, forms::each_form_is_answered, requests, server::Server,
    stacks::isolated,
};

/// A subscriber layer that panics on each event.
struct Panics;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Panics {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        std::panic::resume_unwind(Box::new(()));
    }
}

/// A service that fails in `poll_ready`.
struct NeverReady;

impl Service<Request<()>> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Pending<Result<Response<Full<Bytes>>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("no database"))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test]
async fn what_goes_wrong_around_requests_is_published() {
    use tracing_subscriber::layer::SubscriberExt;
    let vitals = Vitals::builder()
        .isolated()
        .request_id(RequestIdLayer::new().make_with(String::new))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(Panics);
    let _default = tracing::subscriber::set_default(subscriber);
    let service = vitals.layer().layer(named());
    service.oneshot(naming("/")).await.unwrap();
    let service = vitals.layer().layer(NeverReady);
    assert!(service.oneshot(Request::new(())).await.is_err());
    let scrape = Exposition::of(&vitals);
    for (name, labels) in [
        ("vitals_hook_failures_total", &[][..]),
        ("vitals_readiness_errors_total", &[]),
        ("vitals_dropped_total", &[("sink", "log")]),
    ] {
        assert_eq!(scrape.sum(name, labels), 1.0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_scrape_is_consistent_while_requests_run() {
    let vitals = isolated();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let app = Router::new()
                .route("/{n}", get(async || tokio::task::yield_now().await))
                .layer(vitals.layer());
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    send(&app, "GET", &format!("/{n}")).await;
                }
            })
        })
        .collect();
    let rendering = vitals.clone();
    let scrapes = thread::spawn(move || {
        let mut before = (0.0, 0.0);
        for _ in 0..200 {
            let scrape = Exposition::of(&rendering);
            let started = scrape.sum("http_requests_started_total", &[]);
            let ended = scrape.sum("http_request_outcomes_total", &[]);
            assert!(ended <= started, "{ended} of {started} ended");
            assert!(started >= before.0 && ended >= before.1, "went backwards");
            before = (started, ended);
        }
        before.1
    });
    let ended = tokio::task::spawn_blocking(|| scrapes.join().unwrap())
        .await
        .unwrap();
    assert!(ended > 0.0);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let scrape = Exposition::of(&vitals);
    let started = scrape.sum("http_requests_started_total", &[]);
    assert_eq!(scrape.sum("http_request_outcomes_total", &[]), started);
    assert_eq!(
        scrape.sum("http_request_duration_seconds_count", &[]),
        started
    );
    assert_eq!(scrape.sum("http_requests_in_flight", &[]), 0.0);
}

#[tokio::test]
async fn the_metrics_endpoint_answers_as_prometheus_asks() {
    let vitals = isolated();
    let server = Server::start(vitals.routes()).await;
    let answer = |head: &str| server.raw(format!("{head}connection: close\r\nhost: a\r\n\r\n"));
    let get = String::from_utf8(
        answer("GET /metrics HTTP/1.1\r\naccept: image/png;q=0.1, */nonsense\r\n").await,
    )
    .unwrap();
    let (head, body) = get.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{head}"
    );
    Exposition::parse(body).unwrap();
    let head = String::from_utf8(answer("HEAD /metrics HTTP/1.1\r\n").await).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ")
            && head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    let post = answer("POST /metrics HTTP/1.1\r\n").await;
    assert!(post.starts_with(b"HTTP/1.1 405 "));
}

#[tokio::test]
async fn a_scrape_is_answered_in_the_form_that_it_accepts() {
    let vitals = isolated();
    let app = Router::new().route("/", get(async || "x"));
    let app = app.layer(vitals.layer()).merge(vitals.routes());
    send(&app, "GET", "/").await;
    let server = Server::start(app).await;
    each_form_is_answered(&mut server.http1()).await;
    each_form_is_answered(&mut server.http2()).await;
}

/// The least length of the text in these tests: more than a server and small sockets buffer.
const LONG: usize = 600_000;

/// An application whose `/metrics` is [`LONG`].
async fn wordy() -> Server {
    let vitals = isolated();
    let path = |n: usize| format!("/some/rather/long/route/name/number/{n}");
    let routes = (0..300).fold(Router::new(), |router, n| {
        router.route(&path(n), get(async || "x"))
    });
    let app = routes.layer(vitals.layer()).merge(vitals.routes());
    for n in 0..300 {
        send(&app, "GET", &path(n)).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4_096).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    Server::on(socket.listen(1_024).unwrap(), app)
}

/// The bytes of `/metrics`, which must come to their end.
async fn scraped(client: &mut Client) -> usize {
    client.text("/metrics").await.len()
}

/// Nine readers who do not read refuse nobody, and lose their texts after ten seconds.
async fn readers_that_do_not_read(server: &Server, client: impl AsyncFn() -> Client) {
    let mut stuck = Vec::new();
    for _ in 0..9 {
        let mut client = client().await;
        let response = client.get("/metrics").await.unwrap();
        assert_eq!(response.status(), 200);
        stuck.push((client, response));
    }
    assert!(scraped(&mut server.http1()).await > LONG);
    // Who reads on within ten seconds gets everything.
    let (_last, response) = stuck.pop().unwrap();
    let all = response.into_body().collect().await.unwrap();
    assert!(all.to_bytes().len() > LONG);
    time::pause();
    time::advance(Duration::from_secs(11)).await;
    time::resume();
    assert!(scraped(&mut server.http2()).await > LONG);
    for (_client, response) in stuck {
        assert!(response.into_body().collect().await.is_err());
    }
    assert!(scraped(&mut server.http1()).await > LONG);
}

#[tokio::test]
async fn readers_that_do_not_read_end_no_scraping_over_http1() {
    let server = wordy().await;
    readers_that_do_not_read(&server, async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let socket = socket.connect(server.address).await.unwrap();
        let mut small = http1::Builder::new();
        let small = small.max_buf_size(8_192);
        let (sender, driver) = small.handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(driver);
        Client::Http1(server.address, Some(sender))
    })
    .await;
}

#[tokio::test]
async fn readers_that_do_not_read_end_no_scraping_over_http2() {
    let server = wordy().await;
    readers_that_do_not_read(&server, async || {
        let socket = TcpStream::connect(server.address).await.unwrap();
        // The window of a stream opens only when its body is read.
        let mut small = http2::Builder::new(TokioExecutor::new());
        let small = small.initial_stream_window_size(1_024);
        let (sender, driver) = small.handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(driver);
        Client::Http2(server.address, Some(sender))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_is_too_slow_is_no_failure_of_the_service() {
    let vitals = isolated();
    let app = Router::new().merge(vitals.routes()).layer(vitals.layer());
    let scrape = async || {
        app.clone()
            .oneshot(requests::get("/metrics"))
            .await
            .unwrap()
    };
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(scrape().await);
    }
    time::advance(Duration::from_secs(11)).await;
    scrape().await.into_body().collect().await.unwrap();
    for response in slow {
        response.into_body().collect().await.unwrap_err();
    }
    let totals = vitals.metrics().totals();
    assert_eq!((totals.excluded, totals.excluded_errors), (5, 0));
}
