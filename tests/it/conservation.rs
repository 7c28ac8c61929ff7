//! Counts every request exactly once, however it ends.

use std::{sync::Arc, time::Duration};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
};
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::header;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tower_vitals::{
    Vitals,
    exchange::Outcome::{self, Aborted, BodyError, Cancelled, Completed, Error, Panicked},
};

use crate::support::{
    client::Client, exposition::Exposition, server::Server, stacks::isolated, waiting::settled,
};

/// A request and its expected outcome: method, path over HTTP/1.1, path over HTTP/2, outcome.
///
/// HTTP/2 forbids a body with 204, and one that is longer than its declared length: the client would reset the stream.
pub(crate) const KINDS: [(&str, &str, &str, Outcome); 17] = [
    ("GET", "/full", "/full", Completed),
    ("GET", "/empty", "/empty", Completed),
    ("GET", "/stream", "/stream", Completed),
    ("GET", "/cl", "/cl", Completed),
    ("GET", "/short-cl", "/304", Completed),
    ("HEAD", "/stream", "/stream", Completed),
    ("GET", "/204-body", "/204", Completed),
    ("GET", "/trailers", "/trailers", Completed),
    ("GET", "/body-error", "/body-error", BodyError),
    ("GET", "/hang/", "/hang/", Cancelled),
    ("GET", "/drip", "/drip", Aborted),
    ("GET", "/panic", "/panic", Panicked),
    ("GET", "/panic-body", "/panic-body", Panicked),
    ("GET", "/panic-sync", "/panic-sync", Panicked),
    ("GET", "/service-error", "/service-error", Error),
    // gRPC needs HTTP/2: one call of a method, and one of an unknown method.
    ("POST", "/echo", "/conformance.v1.Probe/Unary", Completed),
    ("POST", "/echo", "/conformance.v1.Probe/Nothing", Completed),
];

pub(crate) const CLIENTS: usize = 64;

/// A multiple of twice the kinds, so that each kind comes as often as the others over each protocol.
const REQUESTS: usize = 20_026;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn twenty_thousand_mixed_requests_are_counted_exactly() {
    let vitals = isolated();
    let server = Arc::new(Server::faulty(&vitals).await);
    send_mixed(&server, 0).await;
    assert_counted(&vitals, REQUESTS).await;
}

#[ignore = "takes ten minutes"]
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn mixed_requests_of_ten_minutes_are_counted_exactly() {
    let vitals = isolated();
    let server = Arc::new(Server::faulty(&vitals).await);
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < Duration::from_secs(600) {
        send_mixed(&server, sent).await;
        sent += REQUESTS;
        assert_counted(&vitals, sent).await;
    }
    println!("{sent} requests");
}

/// Sends [`REQUESTS`] requests from many clients. `first` is the number of the first.
async fn send_mixed(server: &Arc<Server>, first: usize) {
    stream::iter(0..CLIENTS)
        .for_each_concurrent(None, async |client| {
            let server = Arc::clone(server);
            let mine = (client..REQUESTS).step_by(CLIENTS);
            tokio::spawn(async move {
                let mut one = server.http1();
                let mut two = server.http2();
                for n in mine.map(|n| first + n) {
                    let client = if n % 2 == 0 { &mut one } else { &mut two };
                    // Each kind is sent over both protocols.
                    exchange(&server, client, n as u64, (n / 2) % KINDS.len()).await;
                }
            })
            .await
            .unwrap();
        })
        .await;
}

/// Everything that counts has counted this many requests.
async fn assert_counted(vitals: &Vitals, requests: usize) {
    let totals = settled(vitals, |totals| totals.in_flight == 0).await;
    let each = (requests / KINDS.len()) as u64;
    for outcome in Outcome::ALL {
        let kinds = KINDS.iter().filter(|(.., expected)| *expected == outcome);
        assert_eq!(
            totals.outcome(outcome),
            each * kinds.count() as u64,
            "{outcome:?}"
        );
    }
    assert_eq!(totals.started, requests as u64);

    let scrape = Exposition::of(vitals);
    let all = requests as f64;
    let each = each as f64;
    assert_eq!(scrape.sum("http_requests_started_total", &[]), all);
    assert_eq!(scrape.sum("http_requests_total", &[]), all);
    assert_eq!(scrape.sum("http_request_outcomes_total", &[]), all);
    assert_eq!(scrape.sum("http_requests_in_flight", &[]), 0.0);
    // Cancelled requests have no duration and no severity.
    assert_eq!(
        scrape.sum("http_request_duration_seconds_count", &[]),
        all - each
    );
    assert_eq!(
        scrape.sum("http_requests_by_severity_total", &[]),
        all - each
    );
    let status = |status| scrape.sum("http_requests_total", &[("status", status)]);
    // A panic before the head and an `Err` count as 500. A head that was sent keeps its status.
    assert_eq!(status("500"), 3.0 * each);
    assert_eq!(status("499"), each);
    // Half of each kind went over HTTP/2.
    let called = |code| scrape.sum("grpc_server_handled_total", &[("grpc_code", code)]);
    assert_eq!(
        (called("OK"), called("Unimplemented")),
        (each / 2.0, each / 2.0)
    );
    assert_eq!(scrape.sum("grpc_server_handled_total", &[]), each);
    assert_eq!(
        scrape.sum("http_requests_total", &[("endpoint", "/hang/{n}")]),
        each
    );
}

/// Sends a request of `kind`, and reads the answer or leaves, as that kind wants it.
pub(crate) async fn exchange(server: &Server, client: &mut Client, n: u64, kind: usize) {
    let (method, one, two, outcome) = KINDS[kind];
    let path = match client {
        Client::Http1(..) => one,
        Client::Http2(..) => two,
    };
    match outcome {
        Cancelled => {
            let reached = server.hanging.reached(n);
            let request = client.request(method, &format!("{path}{n}"));
            tokio::select! {
                answer = client.send(request) => panic!("{answer:?}"),
                reached = reached => reached.unwrap(),
            }
            client.hang_up();
        }
        Aborted => {
            let request = client.request(method, path);
            let mut response = client.send(request).await.unwrap();
            assert!(response.body_mut().frame().await.unwrap().is_ok());
            drop(response);
            client.hang_up();
        }
        _ => {
            let mut request = client.request(method, path);
            if path.starts_with("/conformance.v1.Probe/") {
                let kind = header::HeaderValue::from_static("application/grpc");
                request.headers_mut().insert(header::CONTENT_TYPE, kind);
                // An empty message.
                *request.body_mut() = Full::from(Bytes::from_static(&[0; 5]));
            }
            let whole = match client.send(request).await {
                Ok(response) => response.into_body().collect().await,
                Err(error) => Err(error),
            };
            let broken = matches!(outcome, Panicked | BodyError);
            assert_eq!(whole.is_err(), broken, "{path}: {whole:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_resets_on_one_connection_is_aborted_with_its_status() {
    const STREAMS: u64 = 10_000;
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    let mut client = server.http2();
    // A server may close a connection with too many resets. The next request opens another one.
    for _ in 0..STREAMS / 10 {
        let mut bodies = Vec::new();
        for _ in 0..10 {
            let mut response = loop {
                match client.get("/drip").await {
                    Ok(response) => break response,
                    Err(_) => client.hang_up(),
                }
            };
            let _ = response.body_mut().frame().await;
            bodies.push(response);
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert!(totals.aborted >= STREAMS, "{totals:?}");
    assert_eq!(totals.aborted + totals.cancelled, totals.started);
    let scrape = Exposition::of(&vitals);
    let aborted = scrape.sum("http_requests_total", &[("status", "200")]);
    assert_eq!(aborted, totals.aborted as f64);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_is_neither_200_nor_500() {
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    for n in 0..1_000 {
        for mut client in [server.http1(), server.http2()] {
            exchange(&server, &mut client, n, 9).await;
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.cancelled), (2_000, 2_000));
}

#[tokio::test]
async fn heads_and_answers_without_a_body_are_completed() {
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    let mut sent = 0;
    for mut client in [server.http1(), server.http2()] {
        for path in [
            "/full",
            "/stream",
            "/cl",
            "/short-cl",
            "/204",
            "/304",
            "/empty",
        ] {
            let request = client.request("HEAD", path);
            client.send(request).await.unwrap();
            sent += 1;
        }
        for path in ["/204", "/304", "/empty"] {
            client.text(path).await;
            sent += 1;
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.completed), (sent, sent));
}

#[tokio::test]
async fn a_tunnel_is_completed_at_its_head_and_a_refusal_at_its_end() {
    let vitals = isolated();
    let answer = async |request: Request| {
        let refused = request.uri().port_u16() == Some(1);
        let status = match refused {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::OK,
        };
        // hyper does not poll it after a success.
        let chunks = [Ok::<_, BoxError>("no"), Ok("body")];
        (status, Body::from_stream(stream::iter(chunks)))
    };
    let app = Router::new().fallback(answer).layer(vitals.layer());
    let server = Server::start(app).await;
    let mut expected = 0;
    for (port, status) in [(443, StatusCode::OK), (1, StatusCode::FORBIDDEN)] {
        for mut client in [server.http1(), server.http2()] {
            let mut request = client.request("CONNECT", "/");
            *request.uri_mut() = format!("example.com:{port}").parse().unwrap();
            let answer = client.send(request).await.unwrap();
            assert_eq!(answer.status(), status);
            if status == StatusCode::FORBIDDEN {
                let body = answer.into_body().collect().await.unwrap();
                assert_eq!(body.to_bytes(), "nobody");
            }
            expected += 1;
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.completed), (expected, expected));
}

#[tokio::test]
async fn an_upgrade_is_counted_once_at_its_handshake() {
    const MEBIBYTE: usize = 1 << 20;
    let vitals = isolated();
    let app = Router::new()
        .route("/upgrade", axum::routing::get(upgrade))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let ask = "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    socket.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let totals = settled(&vitals, |totals| totals.completed == 1).await;
    let sent: Vec<u8> = (0..MEBIBYTE).map(|at| (at % 251) as u8).collect();
    let (mut read, mut write) = socket.split();
    let mut received = vec![0; MEBIBYTE];
    let (written, echoed) = tokio::join!(write.write_all(&sent), read.read_exact(&mut received));
    written.unwrap();
    echoed.unwrap();
    assert!(sent == received);
    drop(socket);
    // Another request proves that the server is past the end of the first.
    server.http1().text("/nothing").await;
    let after = vitals.metrics().totals();
    assert_eq!((totals.started, after.started, after.completed), (1, 2, 2));
}

async fn upgrade(mut request: Request) -> axum::response::Response {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
        let (mut read, mut write) = tokio::io::split(upgraded);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    axum::response::IntoResponse::into_response((
        StatusCode::SWITCHING_PROTOCOLS,
        [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")],
    ))
}

#[tokio::test]
async fn an_extended_connect_of_http2_is_counted_once_at_its_handshake() {
    let vitals = isolated();
    let app = Router::new()
        .route("/upgrade", axum::routing::any(tunnel))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http2();
    let mut request = client.request("CONNECT", "/upgrade");
    let protocol = hyper::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    settled(&vitals, |totals| totals.completed == 1).await;
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let mut tunnel = hyper_util::rt::TokioIo::new(upgraded);
    tunnel.write_all(b"both ways").await.unwrap();
    let mut echoed = [0; 9];
    tunnel.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"both ways");
    drop(tunnel);
    client.text("/nothing").await;
    let totals = vitals.metrics().totals();
    assert_eq!((totals.started, totals.completed), (2, 2));
}

async fn tunnel(request: Request) -> StatusCode {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let upgraded = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
        let (mut read, mut write) = tokio::io::split(upgraded);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    StatusCode::OK
}

#[tokio::test]
async fn a_half_closed_connection_ends_each_request_once() {
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    for path in ["/hang/1", "/drip", "/full"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
    }
    let totals = settled(&vitals, |totals| {
        totals.started == 3 && totals.in_flight == 0
    })
    .await;
    let ended: u64 = Outcome::ALL
        .iter()
        .map(|outcome| totals.outcome(*outcome))
        .sum();
    assert_eq!(ended, 3);
    assert_eq!(totals.panicked + totals.error + totals.body_error, 0);
}

#[tokio::test]
async fn a_panic_beside_other_streams_leaves_them_alone() {
    let vitals = isolated();
    let server = Server::faulty(&vitals).await;
    let mut client = server.http2();
    let mut drip = client.get("/drip").await.unwrap();
    assert!(drip.body_mut().frame().await.unwrap().is_ok());
    for path in ["/panic", "/panic-sync"] {
        client.get(path).await.unwrap_err();
    }
    // The handler turns the panic of its task into a 500.
    assert_eq!(client.get("/panic-task").await.unwrap().status(), 500);
    assert_eq!(client.text("/full").await, "a small body");
    let totals = settled(&vitals, |totals| totals.in_flight == 1).await;
    assert_eq!((totals.panicked, totals.completed), (2, 2));
    drop(drip);
    settled(&vitals, |totals| totals.aborted == 1).await;
}

#[tokio::test]
async fn a_caught_panic_is_the_500_that_the_catcher_made_of_it() {
    use tower_http::catch_panic::CatchPanicLayer;
    for inside in [true, false] {
        let vitals = isolated();
        let app = crate::support::application::routes(Default::default());
        let app = if inside {
            app.layer(CatchPanicLayer::new()).layer(vitals.layer())
        } else {
            app.layer(vitals.layer()).layer(CatchPanicLayer::new())
        };
        let server = Server::start(app).await;
        let response = server.http1().get("/panic").await.unwrap();
        assert_eq!(response.status(), 500);
        response.into_body().collect().await.unwrap();
        let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
        let expected = if inside { (1, 0) } else { (0, 1) };
        assert_eq!((totals.completed, totals.panicked), expected);
        let scrape = Exposition::of(&vitals);
        assert_eq!(scrape.severity("critical"), 1.0);
    }
}

#[tokio::test]
async fn what_fails_on_our_side_is_critical_however_fast() {
    for path in [
        "/500",
        "/body-error",
        "/service-error",
        "/panic",
        "/panic-body",
        "/panic-sync",
    ] {
        let vitals = isolated();
        let server = Server::faulty(&vitals).await;
        if let Ok(response) = server.http1().get(path).await {
            let _ = response.into_body().collect().await;
        }
        settled(&vitals, |totals| {
            totals.started == 1 && totals.in_flight == 0
        })
        .await;
        let scrape = Exposition::of(&vitals);
        assert_eq!(scrape.severity("critical"), 1.0, "{path}");
    }
}

#[tokio::test]
async fn a_slow_reader_of_a_large_body_is_completed_or_aborted_by_what_it_read() {
    let vitals = isolated();
    let large = Bytes::from(vec![b'x'; 8 << 20]);
    let app = Router::new()
        .route(
            "/",
            axum::routing::get(async move || {
                Body::from_stream(stream::iter((0..8).map(move |at| {
                    Ok::<_, std::io::Error>(large.slice(at << 20..(at + 1) << 20))
                })))
            }),
        )
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut patient = server.http1();
    let mut body = patient.get("/").await.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    assert_eq!(read, 8 << 20);
    let mut hasty = server.http1();
    let mut body = hasty.get("/").await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    hasty.hang_up();
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.completed, totals.aborted), (1, 1));
}
