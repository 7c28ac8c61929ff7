//! Leaves requests and responses unchanged, except for the id.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as _, Frame, SizeHint};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{AccessLogLayer, RequestIdLayer, TimingLayer};

use crate::support::{
    application, client::Client, server::Server, stacks::isolated, waiting::settled,
};

/// The paths of the corpus, and one that has no route.
const PATHS: [&str; 21] = [
    "/full",
    "/empty",
    "/stream",
    "/cl",
    "/short-cl",
    "/204",
    "/204-body",
    "/304",
    "/500",
    "/trailers",
    "/body-error",
    "/users/7",
    "/nested/a/b",
    "/206",
    "/mebibyte",
    "/sse",
    "/gzip",
    "/redirect",
    "/duplicates",
    "/its-own-date",
    "/nothing-here",
];

/// The routes of the corpus: those of `application`, and more.
fn corpus() -> Router {
    let head = |name: header::HeaderName, value: &'static str| [(name, value)];
    application::routes(Default::default())
        .route(
            "/206",
            get(async move || {
                (
                    StatusCode::PARTIAL_CONTENT,
                    head(header::CONTENT_RANGE, "bytes 0-4/12"),
                    "a sma",
                )
            }),
        )
        .route("/mebibyte", get(async || Bytes::from(vec![b'm'; 1 << 20])))
        .route(
            "/sse",
            get(async move || {
                let events = (0..3).map(|n| Ok::<_, Infallible>(format!("data: {n}\n\n")));
                (
                    head(header::CONTENT_TYPE, "text/event-stream"),
                    Body::from_stream(stream::iter(events)),
                )
            }),
        )
        .route(
            "/gzip",
            get(async move || {
                (
                    head(header::CONTENT_ENCODING, "gzip"),
                    Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"),
                )
            }),
        )
        .route("/redirect", get(async || Redirect::to("/full")))
        .route("/duplicates", get(duplicates))
        .route(
            "/its-own-date",
            get(async move || head(header::DATE, "Sat, 21 Nov 2026 00:00:00 GMT")),
        )
        .route(
            "/reversed",
            any(async |body: Bytes| body.iter().rev().copied().collect::<Vec<_>>()),
        )
}

/// Repeated headers, whose order matters.
async fn duplicates() -> Response {
    let mut response = "cookies".into_response();
    for value in ["a=1", "b=2"] {
        response
            .headers_mut()
            .append(header::SET_COOKIE, HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .insert("x-first", HeaderValue::from_static("1"));
    response
        .headers_mut()
        .append(header::SET_COOKIE, HeaderValue::from_static("c=3"));
    response
}

/// An answer without the date and the request id, which differ between any two answers.
fn comparable(answer: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in answer.split_inclusive(|byte| *byte == b'\n') {
        let ours = line.starts_with(b"x-request-id: ");
        let date = line.starts_with(b"date: ") && line.len() == 37;
        if !ours && !date {
            kept.extend_from_slice(line);
        }
    }
    kept
}

#[tokio::test]
async fn every_byte_on_the_wire_is_the_services_but_for_the_id() {
    let vitals = isolated();
    let bare = Server::start(corpus()).await;
    let watched = Server::start(corpus().layer(vitals.layer())).await;
    let mut requests = Vec::new();
    for path in PATHS {
        for method in ["GET", "HEAD", "POST"] {
            requests.push(format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\n\r\n"
            ));
        }
        requests.push(format!("GET {path} HTTP/1.0\r\n\r\n"));
        requests.push(format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\n\r\nGET /full HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        ));
    }
    requests.push(
        "POST /reversed HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
            .into(),
    );
    requests.push("POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into());
    requests.push("OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".into());
    requests.push("GET http://a/full HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".into());
    requests.push("nonsense\r\n\r\n".into());
    for request in requests {
        let (without, with) = tokio::join!(bare.raw(&request), watched.raw(&request));
        let (without, with) = (comparable(&without), comparable(&with));
        assert!(
            without == with,
            "{request}\n{}\n{}",
            String::from_utf8_lossy(&without),
            String::from_utf8_lossy(&with)
        );
    }
}

/// Status, headers, frames and how the stream ended, as an HTTP/2 client sees them.
async fn http2_answer(client: &mut Client, method: &str, path: &str) -> String {
    let request = client.request(method, path);
    let Ok(response) = client.send(request).await else {
        return "reset".into();
    };
    let mut headers = response.headers().clone();
    headers.remove("x-request-id");
    if path != "/its-own-date" {
        headers.remove(header::DATE);
    }
    let mut seen = format!("{} {headers:?}", response.status());
    let mut body = response.into_body();
    seen += &format!(" end of stream at the head: {}", body.is_end_stream());
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => seen += &format!(" {frame:?}"),
            },
            Err(_) => {
                seen += " reset";
                break;
            }
        }
    }
    format!("{seen} {bytes:?}")
}

#[tokio::test]
async fn every_frame_of_http2_is_the_services_but_for_the_id() {
    let vitals = isolated();
    let bare = Server::start(corpus()).await;
    let watched = Server::start(corpus().layer(vitals.layer())).await;
    // The client resets a stream whose body does not match its head.
    let fits = |path: &&str| !["/short-cl", "/204-body"].contains(path);
    for path in PATHS.into_iter().filter(fits) {
        for method in ["GET", "HEAD"] {
            let without = http2_answer(&mut bare.http2(), method, path).await;
            let with = http2_answer(&mut watched.http2(), method, path).await;
            assert_eq!(without, with, "{method} {path}");
        }
    }
}

/// A body whose frames and hints come from a script.
struct Scripted {
    frames: Vec<Result<Frame<Bytes>, &'static str>>,
    hint: SizeHint,
    ends_early: bool,
}

impl hyper::body::Body for Scripted {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready((!self.frames.is_empty()).then(|| self.frames.remove(0)))
    }

    fn is_end_stream(&self) -> bool {
        self.ends_early && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

fn scripted() -> impl Strategy<Value = (Vec<Option<usize>>, Option<u64>, bool)> {
    // `None` is an error. Trailers follow the last frame.
    let frame = prop_oneof![5 => (0..40_usize).prop_map(Some), 1 => Just(None)];
    (
        prop::collection::vec(frame, 0..8),
        prop::option::of(0..100_u64),
        proptest::bool::ANY,
    )
}

proptest! {
    #[test]
    fn hints_and_frames_are_the_inner_bodys_at_every_step((script, exact, ends_early) in scripted()) {
        let body = || Scripted {
            frames: script
                .iter()
                .map(|size| size.map(|size| Frame::data(Bytes::from(vec![b'x'; size]))).ok_or("broken"))
                .chain([Ok(Frame::trailers(HeaderMap::new()))])
                .collect(),
            hint: exact.map_or_else(SizeHint::default, SizeHint::with_exact),
            ends_early,
        };
        futures::executor::block_on(async {
            let vitals = isolated();
            let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(body())) });
            let service = AccessLogLayer::new().layer(vitals.layer().layer(inner));
            let mut ours = service.oneshot(Request::new(())).await.unwrap().into_body();
            let mut theirs = body();
            loop {
                assert_eq!(ours.is_end_stream(), theirs.is_end_stream());
                assert_eq!(format!("{:?}", ours.size_hint()), format!("{:?}", theirs.size_hint()));
                let (our_frame, their_frame) = (ours.frame().await, theirs.frame().await);
                assert_eq!(format!("{our_frame:?}"), format!("{their_frame:?}"));
                if our_frame.is_none() {
                    break;
                }
            }
            assert!(ours.frame().await.is_none(), "polled after its end");
            drop(ours);
            let totals = vitals.metrics().totals();
            assert_eq!((totals.started, totals.in_flight, totals.aborted), (1, 0, 0));
        });
    }
}

#[tokio::test]
async fn the_request_reaches_the_handler_as_it_came() {
    async fn seen(request: Request) -> String {
        let (mut parts, body) = request.into_parts();
        parts.headers.remove("x-request-id");
        let marker = parts.extensions.get::<&'static str>().copied();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        format!(
            "{:?} {} {:?} {:?} {marker:?} {:?} {trailers:?}",
            parts.method,
            parts.uri,
            parts.version,
            parts.headers,
            body.to_bytes()
        )
    }
    let vitals = isolated();
    let mut answers = Vec::new();
    for watched in [false, true] {
        let mut app = Router::new().route("/seen", any(seen));
        if watched {
            app = app.layer(vitals.layer());
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-after", HeaderValue::from_static("1"));
        let frames = [
            Frame::data(Bytes::from_static(b"abc")),
            Frame::trailers(trailers),
        ];
        let body = Body::new(StreamBody::new(stream::iter(
            frames.map(Ok::<_, Infallible>),
        )));
        let mut request = Request::builder()
            .method("PATCH")
            .uri("/seen?a=1&a=%20")
            .header("x-b", "2")
            .header("x-a", "1")
            .header("x-b", "3")
            .body(body)
            .unwrap();
        request.extensions_mut().insert("marker");
        let response = app.oneshot(request).await.unwrap();
        answers.push(response.into_body().collect().await.unwrap().to_bytes());
    }
    assert_eq!(answers[0], answers[1]);
    assert!(
        answers[0].starts_with(b"PATCH /seen?a=1&a=%20"),
        "{:?}",
        answers[0]
    );
}

#[tokio::test]
async fn the_request_body_is_never_polled_by_us() {
    let vitals = isolated();
    let app = Router::new()
        .route("/refuse", any(async || StatusCode::FORBIDDEN))
        .route("/limited", any(async |body: Bytes| body.len().to_string()))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let answer = server
        .raw("POST /refuse HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    assert!(
        answer.starts_with(b"HTTP/1.1 403 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let mut client = server.http1();
    let mut request = client.request("POST", "/limited");
    *request.body_mut() = Full::new(Bytes::from(vec![0; 3 << 20]));
    // The server answers 413. It may close the connection while the client still sends.
    if let Ok(response) = client.send(request).await {
        assert_eq!(response.status(), 413);
    }
    settled(&vitals, |totals| totals.completed == 2).await;
}

/// An error that implements neither `Debug` nor `Display` nor `Error`, and is not `Sync`.
struct Opaque(std::cell::Cell<u8>);

#[tokio::test]
async fn an_error_passes_unchanged_through_every_layer() {
    let vitals = isolated();
    let inner = service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, _>(Opaque(std::cell::Cell::new(7)))
    });
    let service = RequestIdLayer::new()
        .layer(TimingLayer::new().layer(AccessLogLayer::new().layer(vitals.layer().layer(inner))));
    match service.oneshot(Request::new(())).await {
        Err(Opaque(seven)) => assert_eq!(seven.get(), 7),
        Ok(_) => panic!("no error"),
    }
}

#[tokio::test]
async fn a_panics_payload_passes_unchanged() {
    use futures::FutureExt;
    use std::panic::AssertUnwindSafe;

    struct Payload(u32);
    let vitals = isolated();
    let inner = service_fn(|_: Request<()>| async {
        if true {
            // Does not run the panic hook, which another test counts.
            std::panic::resume_unwind(Box::new(Payload(42)));
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = vitals.layer().layer(inner);
    let payload = AssertUnwindSafe(service.oneshot(Request::new(())))
        .catch_unwind()
        .await
        .err()
        .unwrap();
    assert_eq!(payload.downcast::<Payload>().unwrap().0, 42);
    assert_eq!(vitals.metrics().totals().panicked, 1);
}
