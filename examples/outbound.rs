//! Sends the id of a request onward: with reqwest, with hyper-util's client and with a channel of tonic.
//!
//! Run `cargo run -p tower-vitals-tests --example outbound`, then what it prints. `PORT` is the port of the example. The service that it calls
//! runs in the same process, and answers with the id that it was sent.

use std::{env, error::Error, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, Uri, header},
    routing::{any, get},
};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tower::{Layer, ServiceExt};
use tower_vitals::{
    Failure, Vitals, logging,
    request_id::{self, ForwardRequestId, ForwardRequestIdLayer},
};

/// Clients that send the id of the current request on. They are made once, and cloned for each request.
#[derive(Clone)]
struct Clients {
    downstream: Uri,
    reqwest: ForwardRequestId<reqwest::Client>,
    hyper: ForwardRequestId<HyperClient<HttpConnector, Empty<Bytes>>>,
    channel: ForwardRequestId<Channel>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let downstream = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, Router::new().fallback(any(seen))).into_future());

    let forward = ForwardRequestIdLayer::new();
    let hyper = HyperClient::builder(TokioExecutor::new()).build_http();
    let clients = Clients {
        reqwest: forward.layer(reqwest::Client::new()),
        hyper: forward.layer(hyper),
        channel: forward.layer(Endpoint::from_shared(downstream.clone())?.connect_lazy()),
        downstream: downstream.parse()?,
    };
    let vitals = Vitals::from_env()?
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(5))
        .build()?;
    let app = Router::new()
        .route("/reqwest", get(by_reqwest))
        .route("/builder", get(by_builder))
        .route("/hyper", get(by_hyper))
        .route("/tonic", get(by_tonic))
        .with_state(clients)
        .layer(vitals.layer())
        .merge(vitals.routes());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!(
        "Outbound calls on http://{address}. Each answers with the id that the called service saw:

  curl -H 'x-request-id: id-7' http://{address}/reqwest
  curl -H 'x-request-id: id-7' http://{address}/builder     # a request builder of reqwest
  curl -H 'x-request-id: id-7' http://{address}/hyper
  curl -H 'x-request-id: id-7' http://{address}/tonic
"
    );
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(unfinished = drained.unfinished, "ended");
    Ok(())
}

/// A `reqwest::Client` is a Tower service, so the layer wraps it.
async fn by_reqwest(State(clients): State<Clients>) -> Result<String, Failure> {
    let url = clients.downstream.to_string().parse()?;
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    Ok(clients.reqwest.oneshot(request).await?.text().await?)
}

/// A request builder takes the headers.
async fn by_builder(State(clients): State<Clients>) -> Result<String, Failure> {
    let mut headers = HeaderMap::new();
    request_id::forward(&mut headers);
    let client = reqwest::Client::new();
    let request = client.get(clients.downstream.to_string()).headers(headers);
    Ok(request.send().await?.text().await?)
}

async fn by_hyper(State(clients): State<Clients>) -> Result<String, Failure> {
    let request = Request::get(clients.downstream).body(Empty::new())?;
    let answer = clients.hyper.oneshot(request).await?;
    let body = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.into())?)
}

/// A generated client takes the wrapped channel: `PricesClient::new(channel)`. This one asks without generated code.
async fn by_tonic(State(clients): State<Clients>) -> Result<String, Failure> {
    let request = Request::post("/shop.Prices/Get")
        .header(header::CONTENT_TYPE, "application/grpc")
        .body(tonic::body::Body::empty())?;
    let answer = clients.channel.oneshot(request).await?;
    let body = Body::new(answer.into_body()).collect().await?.to_bytes();
    Ok(String::from_utf8(body.into())?)
}

/// The service that is called.
async fn seen(headers: HeaderMap) -> String {
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    format!("{}\n", id.unwrap_or("none"))
}
