//! Sends what the application logs, and not what this crate logs.

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use serde_json::Value;
use tower_vitals::sentry::tracing_layer;
use tracing_subscriber::{layer::SubscriberExt, registry};

use super::{LONG, reporting};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

#[tokio::test]
async fn the_tracing_layer_leaves_out_what_this_crate_logs() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let handler = async || {
        tracing::debug!("whispers");
        tracing::info!("goes on");
        tracing::warn!("is tired");
        tracing::error!("breaks");
        // As the subscriber's own layers see it: with the target of this crate.
        tracing::error!(target: "tower_vitals::observe", "ours");
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let guard = tracing::subscriber::set_default(registry().with(tracing_layer()));
    requests::send(&app, Request::new(Body::empty())).await;
    drop(guard);
    assert_eq!(vitals.flush(LONG), 0);
    let events = dsn.events();
    let texts: Vec<_> = events
        .iter()
        .map(|event| &event["logentry"]["message"])
        .collect();
    assert_eq!(texts, ["breaks", "GET / answered 500"]);
    for event in &events {
        let breadcrumbs = event["breadcrumbs"]["values"].as_array().unwrap();
        let said: Vec<_> = breadcrumbs
            .iter()
            .map(|one: &Value| &one["message"])
            .collect();
        assert_eq!(said, ["goes on", "is tired"]);
    }
}
