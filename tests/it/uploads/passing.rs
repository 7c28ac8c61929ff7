//! Passes the body of a request on as it came.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Body as _, Frame},
};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::stacks::isolated;

proptest! {
    #[test]
    fn every_frame_of_a_request_reaches_the_handler(
        pieces in prop::collection::vec(".{0,9}", 0..5),
        with_trailers in any::<bool>(),
    ) {
        let trailers = with_trailers.then(|| {
            HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())])
        });
        let frames = || {
            let pieces = pieces.iter().map(|piece| Frame::data(Bytes::from(piece.clone())));
            let frames: Vec<_> = pieces.chain(trailers.clone().map(Frame::trailers)).collect();
            StreamBody::new(stream::iter(frames.into_iter().map(Ok::<_, Infallible>)))
        };
        let read = |request: Request<Body>| async move {
            let body = request.into_body();
            let hint = body.size_hint();
            let collected = body.collect().await.unwrap();
            let trailers = collected.trailers().cloned();
            let seen = (hint.lower(), hint.upper(), trailers, collected.to_bytes());
            let mut response = Response::new(String::new());
            response.extensions_mut().insert(seen);
            Ok::<_, Infallible>(response)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = |observed: bool| {
            let request = Request::post("/").body(Body::new(frames())).unwrap();
            let response = match observed {
                true => runtime.block_on(isolated().layer().layer(service_fn(read)).oneshot(request)).unwrap().map(|_| ()),
                false => runtime.block_on(service_fn(read).oneshot(request)).unwrap().map(|_| ()),
            };
            response.extensions().get::<(u64, Option<u64>, Option<HeaderMap>, Bytes)>().cloned()
        };
        prop_assert_eq!(seen(true), seen(false));
    }
}

#[tokio::test]
async fn an_error_of_the_body_reaches_the_handler_as_it_was() {
    let broken = || {
        Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other(
            "broken",
        ))]))
    };
    let told = |request: Request<Body>| async move {
        let error = request.into_body().collect().await.unwrap_err();
        let chain: Vec<String> =
            std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                error.source()
            })
            .map(|error| format!("{error} {}", error.is::<axum::Error>()))
            .collect();
        Ok::<_, Infallible>(Response::new(format!("{chain:?}")))
    };
    let request = || Request::post("/").body(broken()).unwrap();
    let bare = service_fn(told).oneshot(request()).await.unwrap();
    let observed = isolated().layer().layer(service_fn(told));
    let observed = observed.oneshot(request()).await.unwrap();
    let text = observed.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, bare.into_body());
}
