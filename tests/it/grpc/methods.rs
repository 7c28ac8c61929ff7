//! Names a method only if the server has it, whoever answers in its place.

use std::convert::Infallible;

use axum::http::Response;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes};
use tonic::{body::Body, service::Routes};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_vitals::{KnownMethodsLayer, Vitals, logging::Format};

use crate::{
    generated::{Req, probe_server::ProbeServer},
    probe,
    support::{
        exposition::Exposition,
        lines::{lines, written},
        stacks::isolated,
    },
};

/// One call of a gRPC service, read to its end.
async fn call<S, B>(service: &S, path: &str, token: bool)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: hyper::body::Body,
{
    let mut request = Request::post(path).header("content-type", "application/grpc");
    if token {
        request = request.header("authorization", "t");
    }
    let body = Body::new(Full::new(Bytes::from_static(&[0; 5])));
    let response = service
        .clone()
        .oneshot(request.body(body).unwrap())
        .await
        .unwrap();
    let _ = response.into_body().collect().await;
}

fn methods(vitals: &Vitals) -> Vec<String> {
    let scrape = Exposition::of(vitals);
    let named = scrape.values("grpc_server_handled_total", "grpc_method");
    named.into_iter().collect()
}

/// A scanner's calls, each for a path of its own.
async fn scan<S, B>(service: &S)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: hyper::body::Body,
{
    for n in 0..1_100 {
        call(service, &format!("/made.up{n}/Method{n}"), false).await;
    }
}

#[tokio::test]
async fn what_a_guard_refuses_makes_no_method() {
    let guard = |request: tonic::Request<()>| match request.metadata().contains_key("authorization")
    {
        true => Ok(request),
        false => Err(tonic::Status::unauthenticated("who are you?")),
    };
    let vitals = isolated();
    let service = ServiceBuilder::new()
        .layer(vitals.layer())
        .layer(tonic::service::InterceptorLayer::new(guard))
        .service(Routes::new(ProbeServer::new(probe::Asked)).prepare());
    scan(&service).await;
    assert_eq!(methods(&vitals), ["_OTHER"]);
    call(&service, "/conformance.v1.Probe/Unary", true).await;
    assert_eq!(methods(&vitals), ["Unary", "_OTHER"]);
    let scrape = Exposition::of(&vitals);
    let labels = [("grpc_method", "Unary"), ("grpc_code", "OK")];
    assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 1.0);
    // Nor is what it refuses an endpoint of HTTP.
    let endpoints = scrape.values("http_requests_total", "endpoint");
    assert_eq!(endpoints.len(), 2, "{endpoints:?}");
}

#[tokio::test]
async fn no_status_that_anyone_can_give_makes_a_method() {
    for (name, status, header, value) in [
        ("rate limit", 200, "grpc-status", "8"),
        ("load shed", 200, "grpc-status", "14"),
        ("timeout", 200, "grpc-status", "1"),
        ("guard", 200, "grpc-status", "16"),
        ("success without a message", 200, "grpc-status", "0"),
        ("proxy", 503, "server", "a proxy"),
        ("redirect", 302, "location", "/login"),
    ] {
        let vitals = isolated();
        let service = vitals
            .layer()
            .layer(service_fn(|_: Request<Body>| async move {
                let response = Response::builder()
                    .status(status)
                    .header("content-type", "application/grpc")
                    .header(header, value);
                // A body in which nobody finds a status.
                Ok::<_, Infallible>(response.body(Full::<Bytes>::from("no")).unwrap())
            }));
        call(&service, "/made.up/Method", false).await;
        assert_eq!(methods(&vitals), ["_OTHER"], "{name}");
    }
}

#[tokio::test]
async fn a_text_in_place_of_a_message_makes_no_method() {
    for kind in [
        "application/grpc",
        "application/grpc-web",
        "application/grpc-web-text",
    ] {
        let vitals = isolated();
        let maintenance = service_fn(|_: Request<Body>| async move {
            let response = Response::builder().header("content-type", kind);
            let text = Full::<Bytes>::from("Unauthorized");
            Ok::<_, Infallible>(response.body(text).unwrap())
        });
        let service = vitals.layer().layer(maintenance);
        call(&service, "/made.up/Method", false).await;
        assert_eq!(methods(&vitals), ["_OTHER"], "{kind}");
    }
}

#[tokio::test]
async fn a_method_that_answered_once_keeps_its_name() {
    let vitals = isolated();
    let service = vitals
        .layer()
        .layer(Routes::new(ProbeServer::new(probe::Asked)).prepare());
    let ask = async |request: Req| {
        let mut client = crate::generated::probe_client::ProbeClient::new(service.clone());
        let _ = client.unary(request).await;
    };
    let failing = || Req {
        status: Some(13),
        ..Req::default()
    };
    ask(failing()).await;
    assert_eq!(methods(&vitals), ["_OTHER"], "it has never succeeded");
    ask(Req::default()).await;
    ask(failing()).await;
    let scrape = Exposition::of(&vitals);
    for (method, code, count) in [
        ("_OTHER", "Internal", 1.0),
        ("Unary", "OK", 1.0),
        ("Unary", "Internal", 1.0),
    ] {
        let labels = [("grpc_method", method), ("grpc_code", code)];
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &labels),
            count,
            "{method} {code}"
        );
    }
    // Another stack has a memory of its own.
    assert_eq!(methods(&isolated()), [""; 0]);
}

#[tokio::test]
async fn a_layer_around_the_service_names_what_it_answers() {
    let vitals = isolated();
    let service = KnownMethodsLayer::new().layer(ProbeServer::new(probe::Asked));
    let service = vitals.layer().layer(Routes::new(service).prepare());
    let mut client = crate::generated::probe_client::ProbeClient::new(service.clone());
    let failing = Req {
        status: Some(13),
        ..Req::default()
    };
    client.unary(failing).await.unwrap_err();
    assert_eq!(methods(&vitals), ["Unary"]);
    call(&service, "/conformance.v1.Probe/MadeUp", false).await;
    call(&service, "/conformance.v1.Other/Unary", false).await;
    assert_eq!(methods(&vitals), ["Unary", "_OTHER"]);
}

#[tokio::test]
async fn the_cap_on_endpoints_holds_for_methods() {
    let vitals = Vitals::builder()
        .isolated()
        .endpoint_cap(3)
        .build()
        .unwrap();
    let service = vitals
        .layer()
        .layer(service_fn(|_: Request<Body>| async move {
            let response = Response::builder().header("content-type", "application/grpc");
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from("\0\0\0\0\0")).unwrap())
        }));
    for n in 0..10 {
        call(&service, &format!("/shop.Orders/Method{n}"), false).await;
    }
    assert_eq!(methods(&vitals).len(), 4, "{:?}", methods(&vitals));
    // What has a name keeps it.
    call(&service, "/shop.Orders/Method0", false).await;
    let labels = [("grpc_method", "Method0")];
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("grpc_server_handled_total", &labels), 2.0);
}

#[tokio::test]
async fn that_a_failing_method_has_no_name_is_said_once() {
    let (written, _guard) = written(Format::Json);
    let vitals = isolated();
    let service = vitals
        .layer()
        .layer(service_fn(|request: Request<Body>| async move {
            let code = match request.uri().path().ends_with("Fails") {
                true => "13",
                false => "16",
            };
            let response = Response::builder()
                .status(StatusCode::OK)
                .header("content-type", "application/grpc")
                .header("grpc-status", code);
            Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
        }));
    let told = || {
        let lines = lines(&written);
        let about = |line: &&serde_json::Value| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains("grpc_descriptors"))
        };
        lines.iter().filter(about).count()
    };
    call(&service, "/made.up/Refused", false).await;
    assert_eq!(told(), 0, "a client can make that happen");
    call(&service, "/shop.Orders/Fails", false).await;
    call(&service, "/shop.Orders/Fails", false).await;
    assert_eq!(told(), 1);
}
