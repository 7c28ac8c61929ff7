//! Reads the status of a call from its headers or trailers.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::any,
};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Bytes, Frame},
    header::{HeaderName, HeaderValue},
};

use super::{answered, handled, in_axum, watching};
use crate::{
    generated::Req,
    support::{exposition::Exposition, requests, server::Server, waiting::settled},
};

#[tokio::test]
async fn a_missing_or_mangled_status_is_unknown() {
    let vitals = watching();
    let (_server, mut client) = in_axum(&vitals).await;
    // One good call first: the method is known from then on, and its codes are counted apart.
    client.unary(Req::default()).await.unwrap();
    let missing = Req {
        no_status: true,
        ..Req::default()
    };
    let _ = client.unary(missing).await;
    for raw in ["abc", "999", "-1", "17", "0x0", "1 3"] {
        let mangled = Req {
            raw_status: raw.into(),
            ..Req::default()
        };
        let _ = client.unary(mangled).await;
    }
    settled(&vitals, |totals| totals.completed == 8).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(handled(&scrape, "unary", "Unary", "Unknown"), 7.0);
    assert_eq!(handled(&scrape, "unary", "Unary", "OK"), 1.0);
    assert_eq!(
        scrape.sum("errors_total", &[("category", "server_error")]),
        7.0
    );
}

#[tokio::test]
async fn a_status_sent_twice_counts_if_both_agree() {
    let vitals = watching();
    let path = "/duplicates.v1.Service/Method";
    answered(&vitals, path, &[("grpc-status", "5"), ("grpc-status", "5")]).await;
    answered(
        &vitals,
        path,
        &[("grpc-status", "0"), ("grpc-status", "13")],
    )
    .await;
    answered(
        &vitals,
        path,
        &[("grpc-status", "0"), ("grpc-message", "%zz%")],
    )
    .await;
    let scrape = Exposition::of(&vitals);
    for (code, count) in [("NotFound", 1.0), ("Unknown", 1.0), ("OK", 1.0)] {
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &[("grpc_code", code)]),
            count,
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_status_in_the_head_and_another_at_the_end_are_unknown() {
    const MESSAGE: &[u8] = &[0; 5];
    const WEB: &[u8] = b"\0\0\0\0\0\x80\0\0\0\x0egrpc-status:13";
    for (kind, data, trailers) in [
        ("application/grpc", MESSAGE, Some("13")),
        ("application/grpc-web", WEB, None),
    ] {
        for (head, code) in [("0", "Unknown"), ("13", "Internal")] {
            let answer = async move || -> Response {
                let trailers = trailers.map(|status| {
                    let status = HeaderValue::from_static(status);
                    Frame::trailers(
                        [(HeaderName::from_static("grpc-status"), status)]
                            .into_iter()
                            .collect(),
                    )
                });
                let data = Frame::data(Bytes::from_static(data));
                let frames = [data].into_iter().chain(trailers);
                let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
                let headers = [("content-type", kind), ("grpc-status", head)];
                (headers, Body::new(body)).into_response()
            };
            let vitals = watching();
            let app = Router::new().route("/two.v1.Service/Method", any(answer));
            let app = app.layer(vitals.layer());
            requests::send(&app, requests::grpc("/two.v1.Service/Method")).await;
            let scrape = Exposition::of(&vitals);
            let labels = [("grpc_code", code)];
            let count = scrape.sum("grpc_server_handled_total", &labels);
            assert_eq!(count, 1.0, "{kind} {head}");
        }
    }
}

#[tokio::test]
async fn a_call_that_panics_or_breaks_is_unknown_and_the_servers_fault() {
    let vitals = watching();
    let broken = || {
        stream::iter([
            Ok(Frame::data(Bytes::from_static(b"\0"))),
            Err(std::io::Error::other("broken")),
        ])
    };
    let app = Router::new()
        .route(
            "/fault.v1.Service/Panic",
            any(async || -> () { panic!("as asked") }),
        )
        .route(
            "/fault.v1.Service/Break",
            any(async move || {
                let body = Body::new(StreamBody::new(broken()));
                Response::builder()
                    .header("content-type", "application/grpc")
                    .body(body)
                    .unwrap()
            }),
        )
        .layer(vitals.layer());
    let server = Server::start(app).await;
    for path in ["/fault.v1.Service/Panic", "/fault.v1.Service/Break"] {
        let mut client = server.http2();
        let request = client.post(path, "application/grpc");
        if let Ok(response) = client.send(request).await {
            response.into_body().collect().await.unwrap_err();
        }
    }
    let totals = settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.started == 2
    })
    .await;
    assert_eq!((totals.panicked, totals.body_error), (1, 1));
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("grpc_server_handled_total", &[("grpc_code", "Unknown")]),
        2.0
    );
    assert_eq!(scrape.severity("critical"), 2.0);
    assert_eq!(
        scrape.sum("errors_total", &[("category", "server_error")]),
        2.0
    );
}

#[tokio::test]
async fn the_cause_behind_tonics_status_is_looked_into() {
    let answer = |status: fn() -> tonic::Status| {
        any(async move || status().into_http::<Body>().map(Body::new))
    };
    let caused = || {
        let mut status = tonic::Status::internal("no price today");
        status.set_source(std::sync::Arc::new(sqlx_core::Error::WorkerCrashed));
        status
    };
    let vitals = watching();
    let app = Router::new()
        .route("/cause.v1.Service/Typed", answer(caused))
        .route(
            "/cause.v1.Service/Words",
            answer(|| tonic::Status::unknown("the upstream timed out")),
        )
        .route(
            "/cause.v1.Service/Specific",
            answer(|| tonic::Status::not_found("timed out")),
        )
        .layer(vitals.layer());
    for (method, category) in [
        ("Typed", "database"),
        ("Words", "timeout"),
        ("Specific", "not_found"),
    ] {
        let path = format!("/cause.v1.Service/{method}");
        let request = requests::grpc(&path);
        requests::send(&app, request).await;
        let scrape = Exposition::of(&vitals);
        let labels = [("endpoint", path.as_str()), ("category", category)];
        assert_eq!(scrape.sum("errors_total", &labels), 1.0, "{method}");
    }
}

#[tokio::test]
async fn a_whole_answer_without_a_status_is_the_servers_fault() {
    let vitals = watching();
    let message = || {
        let kind = [("content-type", "application/grpc")];
        (kind, vec![0, 0, 0, 0, 0]).into_response()
    };
    let app = Router::new()
        .route("/whole.v1.Service/Method", any(async move || message()))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    // Over HTTP/1.1 the length ends it, and over HTTP/2 the end of the stream on its data.
    for mut client in [server.http1(), server.http2()] {
        let request = client.post("/whole.v1.Service/Method", "application/grpc");
        client.read(request).await;
    }
    let totals = settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.started == 2
    })
    .await;
    assert_eq!((totals.completed, totals.aborted), (2, 0));
    let scrape = Exposition::of(&vitals);
    let labels = [("grpc_method", "Method"), ("grpc_code", "Unknown")];
    assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 2.0);
    assert_eq!(scrape.severity("critical"), 2.0);
}
