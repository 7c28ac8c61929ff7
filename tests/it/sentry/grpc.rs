//! Names the gRPC status of a call that failed.

use axum::{Router, body::Body, http, response::Response, routing::post};
use futures::stream;
use http_body_util::StreamBody;
use hyper::{
    HeaderMap,
    body::{Bytes, Frame},
};
use serde_json::Value;
use tower_vitals::Vitals;

use super::{LONG, reporting, texts};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

/// The text has an escape of gRPC's own in it.
const MESSAGE: &str = "the database is 100%25 away";

fn head(kind: &str) -> http::response::Builder {
    Response::builder().header("content-type", kind)
}

/// A message, and then what is in the trailers.
fn streaming(trailers: &[(&'static str, &'static str)]) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in trailers {
        map.append(*name, value.parse().unwrap());
    }
    let data = Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi"));
    let frames = [
        Ok::<_, std::convert::Infallible>(data),
        Ok(Frame::trailers(map)),
    ];
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    head("application/grpc").body(body).unwrap()
}

/// A frame of trailers in the body.
fn web() -> Response {
    let trailers = format!("grpc-status:13\r\ngrpc-message:{MESSAGE}\r\n");
    let length = u8::try_from(trailers.len()).unwrap();
    let body = [
        b"\0\0\0\0\x02hi\x80\0\0\0",
        &[length][..],
        trailers.as_bytes(),
    ]
    .concat();
    head("application/grpc-web").body(body.into()).unwrap()
}

/// The same in base64.
fn web_text() -> Response {
    const BODY: &str = "AAAAAAJoaYAAAAA6Z3JwYy1zdGF0dXM6MTMNCmdycGMtbWVzc2FnZTp0aGUgZGF0YWJhc2UgaXMgMTAwJTI1IGF3YXkNCg==";
    head("application/grpc-web-text").body(BODY.into()).unwrap()
}

fn app(vitals: &Vitals) -> Router {
    let in_head = async || {
        head("application/grpc")
            .header("grpc-status", "13")
            .header("grpc-message", MESSAGE)
            .body(Body::empty())
            .unwrap()
    };
    let with_status =
        async || tonic::Status::internal("the database is 100% away").into_http::<Body>();
    let told = &[("grpc-status", "13"), ("grpc-message", MESSAGE)];
    Router::new()
        .route("/shop.Orders/Head", post(in_head))
        .route("/shop.Orders/Unary", post(with_status))
        .route("/shop.Orders/Stream", post(async || streaming(told)))
        .route("/shop.Orders/Web", post(async || web()))
        .route("/shop.Orders/WebText", post(async || web_text()))
        .route(
            "/shop.Orders/Loss",
            post(async || streaming(&[("grpc-status", "15")])),
        )
        .route("/shop.Orders/None", post(async || streaming(&[])))
        .route(
            "/shop.Orders/NotFound",
            post(async || streaming(&[("grpc-status", "5"), ("grpc-message", "no")])),
        )
        .layer(vitals.layer())
}

async fn events_of(methods: &[&str]) -> Vec<Value> {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = app(&vitals);
    for method in methods {
        requests::send(&app, requests::grpc(&format!("/shop.Orders/{method}"))).await;
    }
    vitals.flush(LONG);
    dsn.events()
}

#[tokio::test]
async fn a_failed_call_names_its_status_and_the_text_of_it() {
    let methods = ["Head", "Unary", "Stream", "Web", "WebText"];
    let events = events_of(&methods).await;
    assert_eq!(events.len(), methods.len(), "{events:?}");
    for (event, method) in events.iter().zip(methods) {
        let message = format!("POST /shop.Orders/{method} answered INTERNAL");
        assert_eq!(event["logentry"]["message"], message);
        assert_eq!(event["tags"]["grpc.status_code"], "INTERNAL", "{method}");
        let path = format!("/shop.Orders/{method}");
        assert_eq!(event["tags"]["grpc.method"], path, "{method}");
        let exceptions = event["exception"]["values"].as_array().unwrap();
        let text = exceptions[0]["value"].as_str().unwrap();
        // What tonic itself prints has the text in quotation marks.
        let code = if method == "Unary" {
            "Internal error: "
        } else {
            ""
        };
        assert_eq!(text, format!("{code}the database is 100% away"));
        assert_eq!(exceptions.len(), 1);
    }
}

#[tokio::test]
async fn a_stream_without_a_text_or_a_status_names_what_there_is() {
    let events = events_of(&["Loss", "None", "NotFound"]).await;
    assert_eq!(
        texts(&events, ["/logentry/message", "/exception/values/0/value"]),
        [
            [Some("POST /shop.Orders/Loss answered DATA_LOSS"), None],
            [Some("POST /shop.Orders/None answered UNKNOWN"), None],
        ]
    );
}
