//! Judges gRPC by its real status, with the client of tonic and with raw HTTP/2.

mod calls;

mod endings;

mod methods;

mod recognition;

mod statuses;

mod web;

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    HeaderMap,
    body::{Bytes, Frame},
    header::HeaderValue,
};
use tonic::transport::Channel;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::Vitals;

use crate::{
    generated::{Req, probe_client::ProbeClient},
    probe,
    support::{exposition::Exposition, server::Server},
};

fn watching() -> Vitals {
    Vitals::builder()
        .isolated()
        .grpc_descriptors(probe::DESCRIPTORS)
        .unwrap()
        .build()
        .unwrap()
}

/// The service inside an axum router, behind a wildcard.
async fn in_axum(vitals: &Vitals) -> (Server, ProbeClient<Channel>) {
    let app = Router::new()
        .route_service(probe::ROUTE, probe::service())
        .route("/plain", any(async || "plain HTTP"))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let client = ProbeClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    (server, client)
}

fn asking(n: u32, status: i32) -> Req {
    Req {
        n,
        status: Some(status),
        ..Req::default()
    }
}

fn handled(scrape: &Exposition, kind: &str, method: &str, code: &str) -> f64 {
    let labels = [
        ("grpc_type", kind),
        ("grpc_service", "conformance.v1.Probe"),
        ("grpc_method", method),
        ("grpc_code", code),
    ];
    scrape.sum("grpc_server_handled_total", &labels)
}

/// Makes one gRPC call in this process, with these trailers, and reads it to its end.
async fn answered(vitals: &Vitals, path: &str, trailers: &[(&'static str, &'static str)]) {
    let map: Vec<_> = trailers.to_vec();
    let service = vitals.layer().layer(service_fn(move |_: Request| {
        let mut trailers = HeaderMap::new();
        for (name, value) in &map {
            trailers.append(*name, HeaderValue::from_static(value));
        }
        let frames = [
            Frame::data(Bytes::from_static(b"\0\0\0\0\0")),
            Frame::trailers(trailers),
        ];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .body(body);
        async move { Ok::<_, Infallible>(response.unwrap()) }
    }));
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/grpc+proto")
        .header("grpc-timeout", "garbage")
        .body(Body::empty())
        .unwrap();
    service
        .oneshot(request)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
}
