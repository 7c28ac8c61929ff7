//! Is a client that leaves while it sends, over sockets.

use std::{
    convert::Infallible,
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    error_handling::HandleError,
    extract::{DefaultBodyLimit, Multipart, Request},
    routing::post,
};
use futures::{StreamExt, channel::mpsc};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    StatusCode,
    body::{Frame, Incoming},
    client::conn::http2,
    server::conn::http1,
    service::Service,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tower::Layer;
use tower_vitals::{Failure, Vitals, category::Rules, logging::Format, metrics::Totals};

use super::{assert_left, breaking_server};
use crate::{
    probe,
    support::{
        dsn::{Answer, Dsn},
        exposition::Exposition,
        lines::{lines, subscriber},
        panics::silence_panics_that_were_asked_for,
        reporting::unlimited,
        server::Server,
        stacks::isolated,
        waiting::settled,
    },
};

/// The ways in which a handler meets the error of a body.
fn application(vitals: &Vitals) -> Router {
    let with_question_mark = async |request: Request| -> Result<String, Failure> {
        let (mut body, mut length) = (request.into_body().into_data_stream(), 0);
        while let Some(chunk) = body.next().await {
            length += chunk?.len();
        }
        Ok(length.to_string())
    };
    let by_hand = async |body: Body| match body.collect().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let multipart =
        async |mut parts: Multipart| -> Result<(), axum::extract::multipart::MultipartError> {
            while let Some(part) = parts.next_field().await? {
                part.bytes().await?;
            }
            Ok(())
        };
    let careless = async |body: Body| {
        let _ = body.collect().await;
        "thank you"
    };
    let panicking = async |body: Body| -> () {
        if body.collect().await.is_err() {
            panic!("as asked");
        }
    };
    Router::new()
        .route("/question-mark", post(with_question_mark))
        .route("/by-hand", post(by_hand))
        .route("/bytes", post(async |body: Bytes| body.len().to_string()))
        .route("/text", post(async |body: String| body))
        .route("/multipart", post(multipart))
        .route("/careless", post(careless))
        .route("/panicking", post(panicking))
        .layer(vitals.layer())
}

/// Serves one connection by bare hyper, whose bodies the layers do not know.
async fn serve_once<S, B>(service: S) -> SocketAddr
where
    S: Service<hyper::Request<Incoming>, Response = hyper::Response<B>, Future: Send>,
    S: Send + 'static,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let server = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        let _ = server.await;
    });
    address
}

/// Announces 600 bytes over HTTP/1.1, sends some and goes.
async fn leave_http1(address: SocketAddr, path: &str) {
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: multipart/form-data; boundary=x\r\n\
         content-length: 600\r\n\r\n--x\r\nhalf"
    );
    client.write_all(head.as_bytes()).await.unwrap();
}

/// The same in chunks.
async fn leave_http1_chunked(address: SocketAddr, path: &str) {
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: multipart/form-data; boundary=x\r\n\
         transfer-encoding: chunked\r\n\r\n9\r\n--x\r\nhalf\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
}

/// Sends some bytes over HTTP/2, and resets the stream or closes the connection.
///
/// Returns what must live until the server has noticed: the end of the pieces would be the end of the body.
async fn leave_http2(address: SocketAddr, path: &str, vitals: &Vitals, reset: bool) -> impl Sized {
    let socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_nonblocking(true).unwrap();
    let io = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (mut pieces, body) = mpsc::channel(1);
    let body = StreamBody::new(body.map(Ok::<_, Infallible>));
    let (kind, piece): (&str, &'static [u8]) = match path.starts_with("/conformance.v1.Probe") {
        true => ("application/grpc", &[0; 5]),
        false => ("multipart/form-data; boundary=x", b"--x\r\nhalf"),
    };
    let request = Request::post(format!("http://{address}{path}")).header("content-type", kind);
    let mut answer = Box::pin(sender.send_request(request.body(body).unwrap()));
    let sent = pieces.try_send(Frame::data(Bytes::from_static(piece)));
    sent.unwrap();
    let begun = settled(vitals, |totals| totals.in_flight == 1);
    tokio::select! {
        _ = &mut answer => panic!("answered"),
        _ = begun => {}
    }
    if reset {
        drop(answer);
    } else {
        socket.shutdown(Shutdown::Both).unwrap();
    }
    (pieces, sender)
}

#[tokio::test]
async fn a_client_that_leaves_while_it_sends_is_no_error() {
    let dsn = Dsn::start(Answer::Status(200));
    for path in [
        "/question-mark",
        "/by-hand",
        "/bytes",
        "/text",
        "/multipart",
    ] {
        let vitals = unlimited(&dsn.url());
        let server = Server::start(application(&vitals)).await;
        leave_http1(server.address, path).await;
        settled(&vitals, |totals| totals.cancelled == 1).await;
        leave_http1_chunked(server.address, path).await;
        settled(&vitals, |totals| totals.cancelled == 2).await;
        let _open = leave_http2(server.address, path, &vitals, false).await;
        settled(&vitals, |totals| totals.cancelled == 3).await;
        let _open = leave_http2(server.address, path, &vitals, true).await;
        settled(&vitals, |totals| totals.cancelled == 4).await;
        assert_left(&vitals, 4.0);
        assert_eq!(vitals.flush(Duration::from_secs(5)), 0);
    }
    assert!(dsn.events().is_empty(), "{:?}", dsn.events());
}

#[tokio::test]
async fn bytes_that_are_no_body_are_not_blamed_on_another_service() {
    let builder = || Vitals::builder().isolated();
    let rules = Rules::new().answer_client_errors();
    for (vitals, status) in [
        (builder().build().unwrap(), "500"),
        (builder().rules(rules).build().unwrap(), "400"),
    ] {
        let server = Server::start(application(&vitals)).await;
        for rest in ["zz\r\n", "4\r\nhalf4\r\n"] {
            let request = format!(
                "POST /question-mark HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{rest}"
            );
            let answer = server.raw(request).await;
            assert!(answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()));
        }
        settled(&vitals, |totals| totals.completed == 2).await;
        let scrape = Exposition::of(&vitals);
        let labels = [("endpoint", "/question-mark"), ("category", "validation")];
        assert_eq!(scrape.sum("errors_total", &labels), 2.0, "{status}");
        assert_eq!(scrape.sum("errors_total", &[]), 2.0, "{status}");
    }
}

#[tokio::test]
async fn a_client_that_left_has_a_line_without_severity() {
    let (written, subscriber) = subscriber(Format::Json);
    let _guard = tracing::dispatcher::set_default(&subscriber);
    let vitals = isolated();
    let server = Server::start(application(&vitals)).await;
    written.take();
    leave_http1(server.address, "/question-mark").await;
    settled(&vitals, |totals| totals.cancelled == 1).await;
    let lines = lines(&written);
    let line = lines
        .iter()
        .find(|line| line["message"] == "request")
        .unwrap();
    assert_eq!(
        (&line["level"], &line["status"], &line["outcome"]),
        (&"INFO".into(), &499.into(), &"cancelled".into())
    );
    for field in ["severity", "category", "cause"] {
        assert!(line.get(field).is_none(), "{line}");
    }
}

#[tokio::test]
async fn an_answer_that_says_that_all_is_well_is_what_it_is() {
    let vitals = isolated();
    let server = Server::start(application(&vitals)).await;
    leave_http1(server.address, "/careless").await;
    let totals = settled(&vitals, |totals| {
        totals.started == 1 && totals.in_flight == 0
    })
    .await;
    assert_eq!(totals.cancelled, 0);
    let scrape = Exposition::of(&vitals);
    let labels = [("endpoint", "/careless"), ("status", "200")];
    assert_eq!(scrape.sum("http_requests_total", &labels), 1.0);
    assert_eq!(scrape.severity("normal"), 1.0);
}

#[tokio::test]
async fn a_panic_is_a_panic_also_if_the_client_has_left() {
    silence_panics_that_were_asked_for();
    let vitals = isolated();
    let server = Server::start(application(&vitals)).await;
    leave_http1(server.address, "/panicking").await;
    let totals = settled(&vitals, |totals| totals.panicked == 1).await;
    assert_eq!(totals.cancelled, 0);
    assert_eq!(Exposition::of(&vitals).severity("critical"), 1.0);
}

#[tokio::test]
async fn an_err_below_the_layer_is_a_cancel_if_the_client_has_left() {
    let vitals = isolated();
    let service = vitals
        .layer()
        .layer(tower::service_fn(|request: Request| async move {
            let body = request.into_body().collect().await?;
            Ok::<_, axum::Error>(hyper::Response::new(Full::new(body.to_bytes())))
        }));
    let service = HandleError::new(service, async |_| StatusCode::INTERNAL_SERVER_ERROR);
    let server = Server::start(Router::new().route_service("/", service)).await;
    leave_http1(server.address, "/").await;
    settled(&vitals, |totals| totals.cancelled == 1).await;
    assert_left(&vitals, 1.0);
}

#[tokio::test]
async fn a_client_that_is_still_there_is_answered_and_judged() {
    let vitals = isolated();
    let app = application(&vitals).layer(DefaultBodyLimit::max(4));
    let server = Server::start(app).await;
    for (path, status, category) in [("/bytes", 413, "validation"), ("/text", 413, "validation")] {
        let mut client = server.http1();
        let mut request = client.request("POST", path);
        *request.body_mut() = Full::from("more than four");
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.status(), status);
        answer.into_body().collect().await.unwrap();
        let count = || {
            Exposition::of(&vitals).sum(
                "errors_total",
                &[("endpoint", path), ("category", category)],
            )
        };
        settled(&vitals, |totals| totals.in_flight == 0).await;
        assert_eq!(count(), 1.0, "{path}");
    }
    assert_eq!(vitals.metrics().totals().cancelled, 0);
}

#[tokio::test]
async fn a_limit_outside_the_layer_is_not_a_client_that_left() {
    let vitals = isolated();
    let limit = tower_http::limit::RequestBodyLimitLayer::new(4);
    let patience = tower_http::timeout::RequestBodyTimeoutLayer::new(Duration::from_millis(20));
    let answer = async |body: Body| match body.collect().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let limited = Router::new()
        .route("/limited", post(answer))
        .layer(vitals.layer());
    // The length is not announced, so the limit is met while the body is read.
    let limited = limited.layer(limit);
    let timed = Router::new()
        .route("/timed", post(answer))
        .layer(vitals.layer());
    let app = limited.merge(timed.layer(patience));
    let server = Server::start(app).await;
    for (path, rest) in [("/limited", "9\r\nmore than\r\n"), ("/timed", "")] {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{rest}");
        client.write_all(head.as_bytes()).await.unwrap();
        let counted = || {
            let labels = [("endpoint", path), ("status", "400")];
            Exposition::of(&vitals).sum("http_requests_total", &labels)
        };
        settled(&vitals, |totals| totals.in_flight == 0 && counted() == 1.0).await;
        drop(client);
    }
    assert_eq!(vitals.metrics().totals().cancelled, 0);
}

#[tokio::test]
async fn where_nobody_follows_the_body_the_failure_tells() {
    // A server of hyper around axum: its body is not of axum's type yet where the layer stands.
    let vitals = isolated();
    let handler = async |request: Request| -> Result<String, Failure> {
        Ok(request
            .into_body()
            .collect()
            .await?
            .to_bytes()
            .len()
            .to_string())
    };
    let router = Router::new().route("/upload", post(handler));
    let service = vitals.layer().layer(router.into_service::<Incoming>());
    let address = serve_once(TowerToHyperService::new(service)).await;
    leave_http1(address, "/upload").await;
    settled(&vitals, |totals| totals.cancelled == 1).await;
    assert_left(&vitals, 1.0);
}

#[tokio::test]
async fn a_body_that_the_outer_layer_cannot_follow_is_followed_by_the_same_layer_further_in() {
    let vitals = isolated();
    let handler = async |body: Body| match body.collect().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let router = Router::new()
        .route("/upload", post(handler))
        .layer(vitals.layer());
    let service = vitals.layer().layer(router.into_service::<Incoming>());
    let address = serve_once(TowerToHyperService::new(service)).await;
    leave_http1(address, "/upload").await;
    settled(&vitals, |totals| totals.cancelled == 1).await;
    assert_left(&vitals, 1.0);
}

#[tokio::test]
async fn an_error_of_another_server_is_not_a_client_that_left() {
    let upstream = breaking_server().await;
    let vitals = isolated();
    let proxy = async move |_: Bytes| -> Result<Bytes, Failure> {
        let socket = TcpStream::connect(upstream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let answer = sender
            .send_request(Request::new(Full::<Bytes>::default()))
            .await?;
        Ok(answer.into_body().collect().await?.to_bytes())
    };
    let app = Router::new()
        .route("/proxy", post(proxy))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http1();
    let mut request = client.request("POST", "/proxy");
    *request.body_mut() = Full::from("a whole body");
    assert_eq!(client.send(request).await.unwrap().status(), 500);
    let labels = [("endpoint", "/proxy"), ("category", "external_service")];
    settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!(Exposition::of(&vitals).sum("errors_total", &labels), 1.0);
    assert_eq!(vitals.metrics().totals().cancelled, 0);
}

#[tokio::test]
async fn a_bare_hyper_server_is_followed_where_that_was_chosen() {
    let vitals = isolated();
    let answer = |request: hyper::Request<tower_vitals::plumbing::RequestBody<Incoming>>| async move {
        let status = match request.into_body().collect().await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let answer = hyper::Response::builder().status(status);
        Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
    };
    let service = vitals
        .layer()
        .wrap_request_body()
        .layer(tower::service_fn(answer));
    let address = serve_once(TowerToHyperService::new(service)).await;
    leave_http1(address, "/").await;
    settled(&vitals, |totals| totals.cancelled == 1).await;
    assert_left(&vitals, 1.0);
}

#[tokio::test]
async fn a_client_that_leaves_its_grpc_stream_has_cancelled() {
    for reset in [true, false] {
        let vitals = Vitals::builder()
            .isolated()
            .grpc_descriptors(probe::DESCRIPTORS)
            .unwrap()
            .build()
            .unwrap();
        let app = Router::new()
            .route_service(probe::ROUTE, probe::service())
            .layer(vitals.layer());
        let server = Server::start(app).await;
        let path = "/conformance.v1.Probe/ClientStream";
        let _open = leave_http2(server.address, path, &vitals, reset).await;
        let ended = |totals: &Totals| totals.started == 1 && totals.in_flight == 0;
        let totals = settled(&vitals, ended).await;
        // tonic takes a reset for the end of the stream. So its handler answers, and nobody reads that.
        let expected = if reset { (1, 0) } else { (0, 1) };
        assert_eq!((totals.aborted, totals.cancelled), expected);
        let scrape = Exposition::of(&vitals);
        let labels = [("grpc_method", "ClientStream"), ("grpc_code", "Canceled")];
        assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 1.0);
        assert_eq!(scrape.sum("errors_total", &[]), 0.0);
        assert_eq!(scrape.severity("critical"), 0.0);
    }
}
