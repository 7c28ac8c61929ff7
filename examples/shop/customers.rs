//! Sends requests to the shop.

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{business, work};

/// One customer, who looks more than she buys.
pub(crate) async fn shop_forever(shop: Router, customer: u32) {
    business::session_started();
    loop {
        let (method, path) = match fastrand::u8(..20) {
            0..5 => (Method::GET, "/products".to_owned()),
            5..12 => (Method::GET, format!("/products/{}", fastrand::u8(..100))),
            12..14 => (Method::GET, "/search?q=tea".to_owned()),
            14..18 => (Method::POST, "/orders".to_owned()),
            _ => (Method::GET, format!("/invoices/{customer}")),
        };
        let request = Request::builder().method(method).uri(path);
        if let Ok(request) = request.body(Body::empty()) {
            let Ok(answer) = shop.clone().oneshot(request).await;
            // Who does not read an answer has left.
            let _ = answer.into_body().collect().await;
        }
        work(20).await;
    }
}
