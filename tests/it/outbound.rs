//! Sends the id of a request onward with the clients that applications use, each over a socket.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Uri},
    routing::{any, get},
};
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use tonic::transport::Endpoint;
use tower::{Layer, Service, ServiceExt};
use tower_vitals::{
    Vitals,
    request_id::{self, ForwardRequestIdLayer},
};

use crate::{
    generated::{Req, probe_client::ProbeClient},
    support::{requests::text, server::Server},
};

/// A service that answers with the id that it was sent, also for gRPC, as the text of the status.
async fn downstream() -> Server {
    let seen = async |headers: HeaderMap| {
        let id = headers.get("x-request-id").cloned();
        let id = id.unwrap_or(HeaderValue::from_static("none"));
        let mut answer = HeaderMap::new();
        answer.insert("content-type", HeaderValue::from_static("application/grpc"));
        answer.insert("grpc-status", HeaderValue::from_static("5"));
        answer.insert("grpc-message", id.clone());
        (answer, id.to_str().unwrap().to_owned())
    };
    Server::start(Router::new().fallback(any(seen))).await
}

/// What the downstream service saw, by the handler `ask` of a service that was sent `id-7`.
async fn seen<F>(ask: impl Fn() -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = String> + Send + 'static,
{
    let vitals = Vitals::builder().isolated().build().unwrap();
    let app = Router::new()
        .route("/", get(async move || ask().await))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let mut client = server.http1();
    let mut request = client.request("GET", "/");
    let id = HeaderValue::from_static("id-7");
    request.headers_mut().insert("x-request-id", id);
    String::from_utf8(client.read(request).await.into()).unwrap()
}

#[tokio::test]
async fn a_reqwest_client_sends_the_id_on() {
    let downstream = downstream().await;
    let url = format!("http://{}/", downstream.address);
    let layered = ForwardRequestIdLayer::new().layer(reqwest::Client::new());
    let asked = url.clone();
    let by_layer = move || {
        let (mut client, url) = (layered.clone(), asked.clone());
        async move {
            let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
            let ready = ServiceExt::<reqwest::Request>::ready(&mut client).await;
            let answer = ready.unwrap().call(request).await.unwrap();
            answer.text().await.unwrap()
        }
    };
    assert_eq!(seen(by_layer).await, "id-7");

    let by_function = move || {
        let url = url.clone();
        async move {
            let mut headers = HeaderMap::new();
            request_id::forward(&mut headers);
            let request = reqwest::Client::new().get(url).headers(headers);
            request.send().await.unwrap().text().await.unwrap()
        }
    };
    assert_eq!(seen(by_function).await, "id-7");
}

#[tokio::test]
async fn a_client_of_hyper_util_sends_the_id_on() {
    let downstream = downstream().await;
    let uri: Uri = format!("http://{}/", downstream.address).parse().unwrap();
    let client: HyperClient<HttpConnector, Empty<Bytes>> =
        HyperClient::builder(TokioExecutor::new()).build_http();
    let client = ForwardRequestIdLayer::new().layer(client);
    let ask = move || {
        let (client, uri) = (client.clone(), uri.clone());
        async move {
            let mut request = hyper::Request::new(Empty::new());
            *request.uri_mut() = uri;
            let answer = client.oneshot(request).await.unwrap();
            text(answer.into_body()).await
        }
    };
    assert_eq!(seen(ask).await, "id-7");
}

#[tokio::test]
async fn a_channel_of_tonic_sends_the_id_on() {
    let downstream = downstream().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", downstream.address));
    let channel = endpoint.unwrap().connect_lazy();
    let client = ProbeClient::new(ForwardRequestIdLayer::new().layer(channel));
    let ask = move || {
        let mut client = client.clone();
        async move {
            let status = client.unary(Req::default()).await.unwrap_err();
            status.message().to_owned()
        }
    };
    assert_eq!(seen(ask).await, "id-7");
}

#[tokio::test]
async fn what_the_caller_set_stays_and_outside_of_a_request_nothing_is_added() {
    let own = async || {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("mine"));
        request_id::forward(&mut headers);
        headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(seen(own).await, "mine");
    let mut headers = HeaderMap::new();
    request_id::forward(&mut headers);
    assert!(headers.is_empty());
    let service = tower::service_fn(async |request: hyper::Request<Body>| {
        Ok::<_, Infallible>(request.headers().len())
    });
    let client = ForwardRequestIdLayer::new().layer(service);
    let sent = client.oneshot(hyper::Request::new(Body::empty())).await;
    assert_eq!(sent.unwrap(), 0);
}
