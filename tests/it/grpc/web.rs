//! Judges gRPC-Web by the status that its body or its head has.

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::post,
};
use futures::{StreamExt, stream};
use hyper::body::Bytes;

use crate::support::{
    client::Client, exposition::Exposition, server::Server, stacks::isolated, waiting::settled,
};

/// A message, then a status in a frame of trailers.
const BINARY: &[u8] = b"\0\0\0\0\x02hi\x80\0\0\0\x10grpc-status:13\r\n";
/// The same, each frame in base64 with a padding of its own.
const TEXT: &[u8] = b"AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czoxMw0K";
const OK: &[u8] = b"\0\0\0\0\x02hi\x80\0\0\0\x0fgrpc-status:0\r\n";

fn answer(kind: &'static str, body: &'static [u8]) -> Response {
    ([("content-type", kind)], body).into_response()
}

/// The same byte by byte, without a length.
fn streamed(kind: &'static str, body: &'static [u8]) -> Response {
    let bytes = body
        .iter()
        .map(|byte| Ok::<_, std::io::Error>(Bytes::copy_from_slice(&[*byte])));
    let body = Body::from_stream(stream::iter(bytes.collect::<Vec<_>>()));
    ([("content-type", kind)], body).into_response()
}

#[tokio::test]
async fn a_call_over_grpc_web_is_judged_by_its_status() {
    const WEB: &str = "application/grpc-web+proto";
    const WEB_TEXT: &str = "application/grpc-web-text+proto";
    let in_head = || {
        let headers = [("content-type", WEB), ("grpc-status", "13")];
        (headers, "").into_response()
    };
    let app = |vitals: &tower_vitals::Vitals| {
        Router::new()
            .route("/shop.Orders/Binary", post(async || answer(WEB, BINARY)))
            .route(
                "/shop.Orders/Streamed",
                post(async || streamed(WEB, BINARY)),
            )
            .route("/shop.Orders/Text", post(async || answer(WEB_TEXT, TEXT)))
            .route(
                "/shop.Orders/TextStreamed",
                post(async || streamed(WEB_TEXT, TEXT)),
            )
            .route("/shop.Orders/Head", post(async move || in_head()))
            .route(
                "/shop.Orders/Shouting",
                post(async || answer("Application/GRPC-Web", BINARY)),
            )
            .layer(vitals.layer())
    };
    for http2 in [false, true] {
        let vitals = isolated();
        let server = Server::start(app(&vitals)).await;
        let calls = [
            ("Binary", WEB),
            ("Streamed", WEB),
            ("Text", WEB_TEXT),
            ("TextStreamed", WEB_TEXT),
            ("Head", WEB),
            ("Shouting", "APPLICATION/GRPC-WEB+proto"),
        ];
        for (sent, (method, kind)) in (1..).zip(calls) {
            let mut client: Client = match http2 {
                true => server.http2(),
                false => server.http1(),
            };
            let path = format!("/shop.Orders/{method}");
            client.read(client.post(&path, kind)).await;
            settled(&vitals, |totals| totals.completed == sent).await;
            let scrape = Exposition::of(&vitals);
            let labels = [("grpc_method", method), ("grpc_code", "Internal")];
            assert_eq!(
                scrape.sum("grpc_server_handled_total", &labels),
                1.0,
                "{method}"
            );
            let labels = [("endpoint", path.as_str()), ("category", "server_error")];
            assert_eq!(scrape.sum("errors_total", &labels), 1.0, "{method}");
            let labels = [("endpoint", path.as_str()), ("severity", "critical")];
            let critical = scrape.sum("http_requests_by_severity_total", &labels);
            assert_eq!(critical, 1.0, "{method}");
        }
    }
}

#[tokio::test]
async fn a_call_over_grpc_web_that_succeeds_proves_its_method() {
    let vitals = isolated();
    let handler = post(async || answer("application/grpc-web", OK));
    let app = Router::new()
        .route("/shop.Orders/{*method}", handler)
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http1();
    client
        .read(client.post("/shop.Orders/Get", "application/grpc-web"))
        .await;
    settled(&vitals, |totals| totals.completed == 1).await;
    let scrape = Exposition::of(&vitals);
    let labels = [("grpc_method", "Get"), ("grpc_code", "OK")];
    assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 1.0);
    assert_eq!(scrape.severity("critical"), 0.0);
}

#[tokio::test]
async fn a_call_over_grpc_web_without_a_status_is_unknown_or_cancelled() {
    let vitals = isolated();
    let endless = async || {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&OK[..7]))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        ([("content-type", "application/grpc-web")], body)
    };
    let app = Router::new()
        .route(
            "/shop.Orders/Short",
            post(async || answer("application/grpc-web", &OK[..7])),
        )
        .route("/shop.Orders/Endless", post(endless))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http1();
    client
        .read(client.post("/shop.Orders/Short", "application/grpc-web"))
        .await;
    settled(&vitals, |totals| totals.completed == 1).await;
    let answer = client
        .send(client.post("/shop.Orders/Endless", "application/grpc-web"))
        .await;
    drop(answer.unwrap());
    client.hang_up();
    settled(&vitals, |totals| totals.aborted == 1).await;
    let scrape = Exposition::of(&vitals);
    for (method, code, critical) in [("Short", "Unknown", 1.0), ("Endless", "Canceled", 0.0)] {
        let labels = [("grpc_method", method), ("grpc_code", code)];
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &labels),
            1.0,
            "{method}"
        );
        let endpoint = format!("/shop.Orders/{method}");
        let labels = [("endpoint", endpoint.as_str()), ("severity", "critical")];
        let counted = scrape.sum("http_requests_by_severity_total", &labels);
        assert_eq!(counted, critical, "{method}");
    }
}
