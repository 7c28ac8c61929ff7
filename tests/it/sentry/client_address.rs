//! Shows the address of the client only if the application chose it.

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use sentry::Level;
use serde_json::{Value, json};
use tower_vitals::{
    AccessLogLayer, access_log::ClientAddress, scrub::Scrubbing, sentry::SentryOptions,
};

use super::{LONG, reporting};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

/// The address in the event that the handler captures and in the report of its failure.
async fn shown(
    log: AccessLogLayer,
    choose: impl FnOnce(SentryOptions) -> SentryOptions,
) -> Vec<Value> {
    let dsn = Dsn::start(Answer::Status(200));
    let options = choose(SentryOptions::new(&dsn.url()).unwrap());
    let vitals = reporting(&dsn).sentry(options).access_log(log);
    let vitals = vitals.build().unwrap();
    let handler = async || {
        sentry::capture_message("here", Level::Info);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let request = Request::builder().header("x-forwarded-for", "203.0.113.7");
    requests::send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(vitals.flush(LONG), 0);
    let events = dsn.events();
    let address = |event: &Value| event["user"]["ip_address"].clone();
    events.iter().map(address).collect()
}

#[tokio::test]
async fn the_address_of_the_client_leaves_only_by_choice() {
    let proxied = || {
        let proxy = ClientAddress::XForwardedFor { hops: 1 };
        AccessLogLayer::new().client_address(proxy)
    };
    let none = [Value::Null, Value::Null];
    assert_eq!(shown(proxied(), |options| options).await, none);
    let plain = AccessLogLayer::new();
    assert_eq!(shown(plain, SentryOptions::client_address).await, none);
    let address = json!("203.0.113.7");
    let chosen = shown(proxied(), SentryOptions::client_address).await;
    assert_eq!(chosen, [address.clone(), address]);
    let health = |options: SentryOptions| {
        let options = options.client_address();
        options.scrubbing(Scrubbing::health_data())
    };
    assert_eq!(shown(proxied(), health).await, none);
}
