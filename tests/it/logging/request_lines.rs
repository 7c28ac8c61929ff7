//! Writes the event of a request for people.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderValue, Response, StatusCode},
    routing::any,
};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    AccessLogLayer, RequestContext, Vitals,
    access_log::{ClientAddress, PeerAddress},
    logging::Format,
};

use crate::support::{lines::written, requests, stacks::isolated};

#[tokio::test(start_paused = true)]
async fn in_text_the_event_of_a_request_is_one_short_line() {
    let log = AccessLogLayer::new().client_address(ClientAddress::Peer);
    let builder = Vitals::builder().isolated();
    let vitals = builder.access_log(log).build().unwrap();
    let app = Router::new()
        .route("/fail", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/orders/{id}",
            any(async || {
                tokio::time::sleep(Duration::from_millis(12)).await;
                RequestContext::current().user("anna");
                "an order"
            }),
        )
        .layer(vitals.layer());
    let other = isolated();
    let (written, _guard) = written(Format::Text);
    for (path, expected) in [
        (
            "/orders/7?a=1",
            r#" INFO tower_vitals: GET /orders/{id} 200 12 ms id=id-7 user_id="anna" client_address="192.0.2.1""#,
        ),
        (
            "/fail",
            r#"ERROR tower_vitals: GET /fail 500 0.0 ms server_error id=id-7 client_address="192.0.2.1""#,
        ),
        (
            "/nowhere",
            r#" INFO tower_vitals: GET /nowhere 404 0.0 ms not_found id=id-7 client_address="192.0.2.1""#,
        ),
    ] {
        let mut request = requests::get(path);
        let id = HeaderValue::from_static("id-7");
        request.headers_mut().insert("x-request-id", id);
        request
            .extensions_mut()
            .insert(PeerAddress(([192, 0, 2, 1], 1).into()));
        requests::send(&app, request).await;
        let text = written.take();
        let (_, line) = text.trim_end().split_once(' ').unwrap();
        assert_eq!(line, expected);
    }
    // A client that left.
    let service = other.layer().layer(service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    }));
    let request = Request::builder().uri("/left").body(()).unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(5), service.oneshot(request)).await;
    let text = written.take();
    let (line, _) = text.split_once(" id=").unwrap();
    assert!(
        line.ends_with("INFO tower_vitals: GET /left 499 cancelled 5.0 ms"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_span_of_the_request_is_not_told_again_in_its_line() {
    let builder = Vitals::builder().isolated().span();
    let vitals = builder.build().unwrap();
    let (written, _guard) = written(Format::Text);
    let app = Router::new().route("/fine", any(async || tracing::info!("within")));
    let mut request = requests::get("/fine");
    let id = HeaderValue::from_static("id-7");
    request.headers_mut().insert("x-request-id", id);
    requests::send(&app.layer(vitals.layer()), request).await;
    let text = written.take();
    let (within, line) = text.trim_end().split_once('\n').unwrap();
    assert!(within.contains("INFO request{"), "{within}");
    let (_, line) = line.split_once(' ').unwrap();
    assert_eq!(line, " INFO tower_vitals: GET /fine 200 0.0 ms id=id-7");
}
