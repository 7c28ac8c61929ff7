//! A plain hyper server, without axum, with single layers of this crate around its service.
//!
//! Run `cargo run -p tower-vitals-tests --example hyper`, then what it prints. `PORT` is the port of the example.

use std::{convert::Infallible, env, error::Error, time::Duration};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, time};
use tower::{ServiceBuilder, service_fn};
use tower_vitals::{
    AccessLogLayer, CatchPanicLayer, ErrorCategoryLayer, RequestIdLayer, TimingLayer,
    exchange::Exchange, logging, metrics::Metrics, plumbing::RequestBody,
};

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    // From the outside in. Each layer also works alone.
    let service = ServiceBuilder::new()
        // The outermost follows the body of each request. axum and tonic need no `wrap_request_body`.
        .layer(RequestIdLayer::new().wrap_request_body())
        .layer(TimingLayer::new())
        .layer(ErrorCategoryLayer::new())
        .layer(AccessLogLayer::new())
        // Innermost, so that the others hear of the panic.
        .layer(CatchPanicLayer::new())
        .service(service_fn(answer));

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!(
        "Plain hyper on http://{address}, over HTTP/1.1 and HTTP/2. Try:

  curl -i http://{address}/orders/17
  curl -i -d 'a body' http://{address}/echo
  curl -i http://{address}/panic                 # 500 with the request id
  curl http://{address}/totals                   # what was counted
"
    );
    loop {
        let (socket, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

async fn answer(request: Request<RequestBody<Incoming>>) -> Result<Answer, Infallible> {
    // There is no router, so the service names its routes.
    let route = |name| {
        if let Some(exchange) = Exchange::current() {
            exchange.set_route(name);
        }
    };
    let path = request.uri().path().to_owned();
    Ok(match path.as_str() {
        "/echo" => {
            route("/echo");
            Response::new(request.into_body().boxed())
        }
        "/panic" => {
            route("/panic");
            panic!("as asked")
        }
        "/totals" => {
            route("/totals");
            text(format!("{:#?}\n", Metrics::global().totals()))
        }
        path if path.starts_with("/orders/") => {
            route("/orders/{id}");
            time::sleep(Duration::from_millis(20)).await;
            text("an order\n".to_owned())
        }
        _ => {
            let mut answer = text("no such path\n".to_owned());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    })
}

fn text(text: String) -> Answer {
    let body = Full::from(text).map_err(|never| match never {});
    Response::new(body.boxed())
}
