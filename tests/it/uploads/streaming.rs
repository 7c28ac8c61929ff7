//! Is a client that leaves while the service already answers, over sockets.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    routing::{get, post},
};
use futures::{StreamExt, channel::mpsc};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Frame, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_stream::wrappers::TcpListenerStream;
use tower_vitals::{Failure, Vitals, exchange::Outcome, logging::Format};

use super::breaking_server;
use crate::{
    generated::probe_server::ProbeServer,
    probe,
    support::{
        exposition::Exposition,
        lines::{lines, subscriber},
        requests,
        server::Server,
        stacks::isolated,
        waiting::settled,
    },
};

fn describing() -> Vitals {
    let builder = Vitals::builder().isolated();
    let builder = builder.grpc_descriptors(probe::DESCRIPTORS).unwrap();
    builder.build().unwrap()
}

/// Sends the beginning of a request over HTTP/1.1, and goes once the head of its answer is there.
async fn leave_after_the_head(server: &Server, request: &str) {
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// One request was aborted, and no failure was counted.
async fn assert_aborted(vitals: &Vitals) {
    let ended = |outcome: &str| {
        let labels = [("outcome", outcome)];
        Exposition::of(vitals).sum("http_request_outcomes_total", &labels)
    };
    settled(vitals, |totals| {
        totals.started == 1 && totals.in_flight == 0
    })
    .await;
    assert_eq!(ended(Outcome::Aborted.as_str()), 1.0);
    let scrape = Exposition::of(vitals);
    assert_eq!(scrape.sum("errors_total", &[]), 0.0);
    assert_eq!(scrape.severity("critical"), 0.0);
}

#[tokio::test]
async fn a_client_that_leaves_while_its_bytes_come_back_has_aborted() {
    for rest in [
        "content-length: 600\r\n\r\nhalf",
        "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let vitals = isolated();
        let app = Router::new().route("/echo", post(async |body: Body| body));
        let server = Server::start(app.layer(vitals.layer())).await;
        let request = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{rest}");
        leave_after_the_head(&server, &request).await;
        assert_aborted(&vitals).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_of_both_sides_has_cancelled() {
    // Over HTTP/1.1 the server of hyper still asks for the trailers, which tell of the failure.
    let vitals = describing();
    let app = Router::new().route_service(probe::ROUTE, probe::service());
    let server = Server::start(app.layer(vitals.layer())).await;
    let request = "POST /conformance.v1.Probe/Bidi HTTP/1.1\r\nhost: a\r\n\
         content-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n\
         5\r\n\0\0\0\0\0\r\n";
    leave_after_the_head(&server, request).await;
    assert_aborted(&vitals).await;
    let labels = [("grpc_method", "Bidi"), ("grpc_code", "Canceled")];
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 1.0);
}

#[tokio::test]
async fn in_tonics_own_server_the_body_is_followed_as_well() {
    let (written, subscriber) = subscriber(Format::Json);
    let _guard = tracing::dispatcher::set_default(&subscriber);
    let vitals = describing();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder()
        .layer(vitals.layer())
        .add_service(ProbeServer::new(probe::Asked))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let server = tokio::spawn(server);
    for leaves in [false, true] {
        let socket = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
        tokio::spawn(connection);
        let (mut pieces, body) = mpsc::channel(1);
        let uri = format!("http://{address}/conformance.v1.Probe/ClientStream");
        let request = Request::post(uri).header("content-type", "application/grpc");
        let request = request.body(StreamBody::new(body)).unwrap();
        let answer = tokio::spawn(sender.send_request(request));
        settled(&vitals, |totals| totals.in_flight == 1).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let last = match leaves {
            true => Err(std::io::Error::other("gone")),
            false => Ok(Frame::data(Bytes::from_static(&[0; 5]))),
        };
        pieces.try_send(last).unwrap();
        drop(pieces);
        let answer = answer.await.unwrap();
        assert_eq!(answer.is_err(), leaves);
        if let Ok(answer) = answer {
            answer.into_body().collect().await.unwrap();
        }
        settled(&vitals, |totals| totals.in_flight == 0).await;
    }
    let totals = vitals.metrics().totals();
    assert_eq!((totals.completed, totals.cancelled), (1, 1));
    let lines = lines(&written);
    let of_requests = lines.iter().filter(|line| line["message"] == "request");
    for line in of_requests {
        assert!(line["wait_ms"].as_f64().unwrap() >= 50.0, "{line}");
    }
    assert_eq!(Exposition::of(&vitals).sum("errors_total", &[]), 0.0);
    server.abort();
}

#[tokio::test]
async fn bytes_that_are_no_body_come_from_a_client_that_is_still_there() {
    let vitals = isolated();
    let app = Router::new().route("/bytes", post(async |body: Bytes| body));
    let server = Server::start(app.layer(vitals.layer())).await;
    for rest in ["zz\r\n", "4\r\nhalf4\r\n"] {
        let request =
            format!("POST /bytes HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{rest}");
        let answer = server.raw(request).await;
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{rest:?}");
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.completed, totals.cancelled), (2, 0));
    let labels = [("status", "400")];
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("http_requests_total", &labels), 2.0);
}

#[tokio::test]
async fn no_client_leaves_a_request_without_a_body() {
    let upstream = breaking_server().await;
    let proxy = async move || -> Result<Bytes, Failure> {
        let socket = TcpStream::connect(upstream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let request = Request::new(Full::<Bytes>::default());
        let answer = sender.send_request(request).await?;
        let mut body = Body::new(answer.into_body()).into_data_stream();
        let mut last = Bytes::new();
        while let Some(bytes) = body.next().await {
            last = bytes?;
        }
        Ok(last)
    };
    let vitals = isolated();
    let app = Router::new()
        .route("/proxy", get(proxy))
        .layer(vitals.layer());
    let status = requests::send(&app, requests::get("/proxy")).await;
    assert_eq!(status, 500);
    let totals = vitals.metrics().totals();
    assert_eq!((totals.completed, totals.cancelled), (1, 0));
    let labels = [("endpoint", "/proxy"), ("category", "external_service")];
    assert_eq!(Exposition::of(&vitals).sum("errors_total", &labels), 1.0);
}
