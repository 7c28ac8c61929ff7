//! Counts the bytes of bodies as they pass, in each way in which a body can end.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, header},
    middleware::{map_request, map_response},
    response::Response,
    routing::{any, get, post},
};
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals, logging::Format, metrics::Names};

use super::send;
use crate::{
    generated::{Req, probe_client::ProbeClient},
    probe,
    support::{
        exposition::Exposition,
        lines::{lines, written},
        requests,
        server::Server,
        stacks::isolated,
        waiting::settled,
    },
};

const REQUEST: &str = "http_request_body_size_bytes";
const RESPONSE: &str = "http_response_body_size_bytes";

fn counting() -> Vitals {
    Vitals::builder().isolated().body_sizes().build().unwrap()
}

/// The count and the sum of bytes of an endpoint, for requests and for responses.
fn counted(vitals: &Vitals, endpoint: &str) -> [(f64, f64); 2] {
    let scrape = Exposition::of(vitals);
    [REQUEST, RESPONSE].map(|family| {
        let of = |part| scrape.sum(&format!("{family}_{part}"), &[("endpoint", endpoint)]);
        (of("count"), of("sum"))
    })
}

/// An application with a route for each way in which a body is read and given.
fn application() -> Router {
    let first = async |body: Body| {
        let chunk = body.into_data_stream().next().await;
        chunk.map_or(0, |chunk| chunk.unwrap().len()).to_string()
    };
    let parts = async || Body::from_stream(stream::iter(["ab", "cde"].map(Ok::<_, Infallible>)));
    let endless = async || {
        let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(&[7; 300]))]);
        Body::from_stream(begun.chain(stream::pending()))
    };
    let broken = async || {
        let frames = stream::iter([Ok("abc"), Err(std::io::Error::other("lost"))]);
        Body::from_stream(frames.then(async |frame| {
            tokio::task::yield_now().await;
            frame
        }))
    };
    Router::new()
        .route("/echo", any(async |body: Body| body))
        .route("/all", post(async |body: Bytes| body.len().to_string()))
        .route("/first", post(first))
        .route("/unread", post(async || "not read"))
        .route("/parts", get(parts))
        .route("/endless", get(endless))
        .route("/broken", get(broken))
        .route("/204", get(async || StatusCode::NO_CONTENT))
        .route("/304", get(async || (StatusCode::NOT_MODIFIED, "unsent")))
}

#[tokio::test]
async fn bytes_are_counted_and_not_believed() {
    let vitals = counting();
    let server = Server::start(application().layer(vitals.layer())).await;
    let (written, _guard) = written(Format::Json);
    let ten = "content-length: 10\r\n\r\n0123456789";
    let chunked = "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    let steps = [
        ("POST /echo", ten, "/echo", [(1.0, 10.0), (1.0, 10.0)], 10),
        ("POST /all", chunked, "/all", [(1.0, 7.0), (1.0, 1.0)], 7),
        ("POST /unread", ten, "/unread", [(1.0, 0.0), (1.0, 8.0)], 0),
        ("GET /parts", "\r\n", "/parts", [(1.0, 0.0), (1.0, 5.0)], 0),
        // Its length is declared, and no body is sent.
        ("HEAD /parts", "\r\n", "/parts", [(2.0, 0.0), (2.0, 5.0)], 0),
        ("GET /204", "\r\n", "/204", [(1.0, 0.0), (1.0, 0.0)], 0),
        ("GET /304", "\r\n", "/304", [(1.0, 0.0), (1.0, 0.0)], 0),
        (
            "GET /broken",
            "\r\n",
            "/broken",
            [(1.0, 0.0), (1.0, 3.0)],
            0,
        ),
        ("GET /no", "\r\n", "unmatched", [(1.0, 0.0), (1.0, 0.0)], 0),
    ];
    for (line, rest, endpoint, expected, logged) in steps {
        let head = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
        server.raw(format!("{head}{rest}")).await;
        assert_eq!(counted(&vitals, endpoint), expected, "{line}");
        let mut lines = lines(&written);
        lines.retain(|line| line["message"] == "request");
        let shown = lines[0].get("request_bytes");
        let shown = shown.map(|bytes| bytes.as_u64().unwrap());
        assert_eq!(shown, (logged > 0).then_some(logged), "{line}");
    }
}

#[tokio::test]
async fn bytes_are_counted_over_http2() {
    let vitals = counting();
    let server = Server::start(application().layer(vitals.layer())).await;
    let mut client = server.http2();
    let request = client.request("POST", "/echo");
    let body = Bytes::from(vec![7; 100_000]);
    let answer = client.read(request.map(|_| Full::new(body))).await;
    assert_eq!(answer.len(), 100_000);
    settled(&vitals, |totals| totals.completed == 1).await;
    let all = (1.0, 100_000.0);
    assert_eq!(counted(&vitals, "/echo"), [all, all]);
}

#[tokio::test]
async fn a_body_that_is_not_read_to_its_end_counts_as_far_as_it_was_read() {
    let vitals = counting();
    let server = Server::start(application().layer(vitals.layer())).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc";
    client.write_all(head.as_bytes()).await.unwrap();
    settled(&vitals, |totals| totals.completed == 1).await;
    assert_eq!(counted(&vitals, "/first"), [(1.0, 3.0), (1.0, 1.0)]);
}

#[tokio::test]
async fn a_client_that_leaves_has_got_what_was_given_and_sent_nothing_that_counts() {
    let vitals = counting();
    let server = Server::start(application().layer(vitals.layer())).await;
    let mut client = server.http1();
    let mut answer = client.get("/endless").await.unwrap();
    let first = answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap().len(), 300);
    drop(answer);
    client.hang_up();
    settled(&vitals, |totals| totals.aborted == 1).await;
    assert_eq!(counted(&vitals, "/endless"), [(1.0, 0.0), (1.0, 300.0)]);

    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /all HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc";
    client.write_all(head.as_bytes()).await.unwrap();
    drop(client);
    settled(&vitals, |totals| totals.cancelled == 1).await;
    assert_eq!(counted(&vitals, "/all"), [(0.0, 0.0), (0.0, 0.0)]);
}

#[tokio::test]
async fn a_service_that_fails_or_panics_has_no_response_to_count() {
    let vitals = counting();
    let failing = service_fn(async |request: Request| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_ne!(body, "panic", "as asked");
        Err::<Response, _>("failed")
    });
    let service = vitals.layer().layer(failing);
    let ask = |body: &'static str| {
        let request = Request::post("/").body(Body::from(body)).unwrap();
        tokio::spawn(service.clone().oneshot(request))
    };
    assert!(ask("error").await.unwrap().is_err());
    assert!(ask("panic").await.unwrap_err().is_panic());
    assert_eq!(counted(&vitals, "unmatched"), [(2.0, 10.0), (0.0, 0.0)]);
}

#[tokio::test]
async fn what_follows_an_upgrade_is_no_body() {
    let upgrade = async |mut request: Request| {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async {
            let mut socket = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
            socket.write_all(b"another protocol").await.unwrap();
        });
        let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    let vitals = counting();
    let app = Router::new().route("/upgrade", get(upgrade));
    let server = Server::start(app.layer(vitals.layer())).await;
    let ask = "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let answer = server.raw(ask).await;
    assert!(answer.ends_with(b"another protocol"));
    assert_eq!(counted(&vitals, "/upgrade"), [(1.0, 0.0), (1.0, 0.0)]);
}

#[tokio::test]
async fn a_grpc_call_counts_its_messages_with_their_framing() {
    let vitals = counting();
    let app = Router::new().route_service(probe::ROUTE, probe::service());
    let server = Server::start(app.layer(vitals.layer())).await;
    let address = format!("http://{}", server.address);
    let mut client = ProbeClient::connect(address).await.unwrap();
    let ask = Req {
        n: 3,
        payload: vec![7; 1_000],
        ..Req::default()
    };
    let sent = 5 + ask.encoded_len();
    let mut replies = client.server_stream(ask).await.unwrap().into_inner();
    let mut given = 0;
    while let Some(reply) = replies.message().await.unwrap() {
        given += 5 + reply.encoded_len();
    }
    settled(&vitals, |totals| totals.completed == 1).await;
    let endpoint = "/conformance.v1.Probe/ServerStream";
    let expected = [(1.0, sent as f64), (1.0, given as f64)];
    assert_eq!(counted(&vitals, endpoint), expected);
}

#[tokio::test]
async fn a_grpc_web_call_counts_its_trailers_and_its_base64() {
    // A message, then a frame of trailers, each in base64.
    const TEXT: &str = "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czoxMw0K";
    let vitals = counting();
    let answer = async |body: Bytes| {
        assert_eq!(body.len(), 12);
        ([("content-type", "application/grpc-web-text")], TEXT)
    };
    let app = Router::new().route("/shop.Orders/Buy", post(answer));
    let app = app.layer(vitals.layer());
    let call =
        Request::post("/shop.Orders/Buy").header("content-type", "application/grpc-web-text");
    requests::send(&app, call.body(Body::from("AAAAAAJoaQ==")).unwrap()).await;
    let expected = [(1.0, 12.0), (1.0, TEXT.len() as f64)];
    assert_eq!(counted(&vitals, "/shop.Orders/Buy"), expected);
}

#[tokio::test]
async fn compression_further_in_does_not_change_what_is_on_the_wire() {
    // Doubles what comes in, as decompression does, and halves what goes out.
    let twice = async |request: Request| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Request::from_parts(parts, Body::from([&*body, &*body].concat()))
    };
    let half = async |response: Response| {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut response = Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
    };
    let vitals = counting();
    let app = Router::new()
        .route("/", post(async |body: String| format!("{body}{body}")))
        .layer(map_request(twice))
        .layer(map_response(half))
        .layer(vitals.layer());
    let request = Request::post("/").body(Body::from("abc")).unwrap();
    requests::send(&app, request).await;
    assert_eq!(counted(&vitals, "/"), [(1.0, 3.0), (1.0, 6.0)]);
}

#[tokio::test]
async fn a_body_that_nobody_follows_is_not_taken_for_empty() {
    let vitals = counting();
    let layer = TimingLayer::new()
        .metrics(vitals.metrics().clone())
        .body_sizes();
    async fn read<B: hyper::body::Body<Error = Infallible>>(
        request: hyper::Request<B>,
    ) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
        let body = request.into_body().collect().await?.to_bytes();
        Ok(hyper::Response::new(Full::new(body)))
    }
    let request = || hyper::Request::new(Full::<Bytes>::from("abc"));
    let unknown = layer.clone().layer(service_fn(read));
    let answer = unknown.oneshot(request()).await.unwrap();
    answer.into_body().collect().await.unwrap();
    assert_eq!(counted(&vitals, "unmatched"), [(0.0, 0.0), (1.0, 3.0)]);
    let wrapped = layer.wrap_request_body().layer(service_fn(read));
    let answer = wrapped.oneshot(request()).await.unwrap();
    answer.into_body().collect().await.unwrap();
    assert_eq!(counted(&vitals, "unmatched"), [(1.0, 3.0), (2.0, 6.0)]);
}

#[tokio::test]
async fn sizes_are_off_unless_a_stack_or_a_route_counts_them() {
    let vitals = isolated();
    let without = vitals.metrics().memory_bound();
    let counted_route = get(async || "abc").layer(TimingLayer::new().body_sizes());
    let app = Router::new()
        .route("/", get(async || "a"))
        .route("/counted", counted_route)
        .layer(vitals.layer());
    send(&app, "GET", "/").await;
    assert!(!vitals.render().contains("_body_size_bytes"));
    assert_eq!(vitals.metrics().memory_bound(), without);
    send(&app, "GET", "/counted").await;
    assert_eq!(counted(&vitals, "/counted"), [(1.0, 0.0), (1.0, 3.0)]);
    assert_eq!(counted(&vitals, "/"), [(0.0, 0.0); 2]);
    let with = counting().metrics().memory_bound();
    assert_eq!(vitals.metrics().memory_bound(), with);
    assert!(with > without, "{with}");
}

#[tokio::test]
async fn sizes_have_the_names_and_the_labels_of_the_durations() {
    for (names, prefix) in [
        (Names::Prometheus, "http"),
        (Names::OpenTelemetry, "http_server"),
    ] {
        let builder = Vitals::builder().isolated().body_sizes();
        let builder = builder.names(names).size_buckets([0, 2, 1_000_000]);
        let vitals = builder.build().unwrap();
        let app = application().layer(vitals.layer());
        send(&app, "GET", "/parts").await;
        send(&app, "GET", "/304").await;
        let scrape = Exposition::of(&vitals);
        let labels = |family: &str| {
            let name = format!("{prefix}_{family}_count");
            let samples = scrape.samples.keys().filter(|(of, _)| *of == name);
            samples
                .map(|(_, labels)| labels.clone())
                .collect::<Vec<_>>()
        };
        let durations = labels("request_duration_seconds");
        assert_eq!(durations.len(), 2);
        for family in ["request_body_size_bytes", "response_body_size_bytes"] {
            assert_eq!(labels(family), durations);
        }
        let bucket = format!("{prefix}_response_body_size_bytes_bucket");
        let upto = |le| scrape.sum(&bucket, &[("le", le)]);
        assert_eq!(
            ["0", "2", "1000000", "+Inf"].map(upto),
            [1.0, 1.0, 2.0, 2.0]
        );
        assert_eq!(scrape.values(&bucket, "le").len(), 4);
    }
}

#[tokio::test]
async fn the_default_edges_part_empty_bodies_and_go_by_powers_of_four() {
    let vitals = counting();
    send(&application().layer(vitals.layer()), "GET", "/parts").await;
    let edges = Exposition::of(&vitals).values(&format!("{REQUEST}_bucket"), "le");
    let powers = (3..=13).map(|power| 4_u64.pow(power).to_string());
    let expected = powers.chain(["0", "+Inf"].map(str::to_owned)).collect();
    assert_eq!(edges, expected);
}

#[test]
fn bad_edges_of_sizes_fail_at_build_with_field_and_value() {
    let many: Vec<u64> = (0..65).collect();
    for (edges, field, value) in [
        (&[][..], "metrics.size_buckets", "[]"),
        (&[1, 1], "metrics.size_buckets[1]", "1"),
        (
            &[(1 << 53) + 1],
            "metrics.size_buckets[0]",
            "9007199254740993",
        ),
        (&many, "metrics.size_buckets[64]", "64"),
    ] {
        let builder = Vitals::builder().isolated();
        let builder = builder.size_buckets(edges.iter().copied());
        let error = builder.build().unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
}
