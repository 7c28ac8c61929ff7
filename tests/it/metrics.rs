//! Publishes exact numbers under labels that no client chooses.

mod catalog;

mod durations;

mod exemplars;

mod labels;

mod naming;

mod scrapes;

mod sizes;

mod zeros;

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_vitals::exchange::Exchange;

/// Sends a request and reads the body of the answer to its end.
async fn send<S>(app: &S, method: &str, path: &str)
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: std::fmt::Debug,
{
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
}

/// A service that takes its endpoint from the extensions of the request.
fn named()
-> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(|request: Request<()>| async move {
        let name = request.extensions().get::<&'static str>().unwrap();
        Exchange::current().unwrap().set_route(name);
        Ok(Response::new(Full::default()))
    })
}

fn naming(name: &'static str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(name);
    request
}
