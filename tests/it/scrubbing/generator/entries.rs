//! Says every kind of secret in every form wherever this crate takes a text, and looks at what leaves.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use sentry::{ClientOptions, Hub};
use tower_vitals::{
    Failure, RequestContext, Vitals, job,
    report::ReportPolicy,
    sentry::{SentryOptions, guard, tracing_layer},
};
use tracing_subscriber::layer::SubscriberExt;

use super::{Captured, LONG, forms, found};
use crate::support::requests;

/// Handlers that say the text.
fn app(text: &Arc<Mutex<String>>) -> Router {
    let say = {
        let text = Arc::clone(text);
        move || text.lock().unwrap().clone()
    };
    let fails = {
        let say = say.clone();
        async move |context: RequestContext| -> Result<(), Failure> {
            let text = say();
            context.user(&text).tenant(&text).tag("note", &text);
            tracing::info!(note = text, "{text}");
            tracing::error!(note = ?text, "{text}");
            Err(text)?
        }
    };
    let fails_twice = {
        let say = say.clone();
        async move || -> Result<(), Failure> { Err(anyhow::anyhow!(say()).context(say()))? }
    };
    let calls = async move || {
        let _ = job("rollup").try_time(|| Err::<(), _>(say()));
        StatusCode::INTERNAL_SERVER_ERROR
    };
    Router::new()
        .route("/fails", get(fails))
        .route("/twice", get(fails_twice))
        .route("/job", get(calls))
}

#[tokio::test]
async fn no_secret_leaves_in_any_form_by_any_way_in() {
    let captured = Arc::new(Captured::default());
    let options = ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&captured));
    let client = Arc::new(sentry::Client::with_options(guard(options)));
    Hub::current().bind_client(Some(Arc::clone(&client)));
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _logs = tracing::subscriber::set_default(subscriber);
    let options = SentryOptions::current_client();
    let options = options.report_policy(ReportPolicy::new().per_minute(u32::MAX));
    let vitals = Vitals::builder().isolated().sentry(options);
    let vitals = vitals.build().unwrap();
    let text = Arc::<Mutex<String>>::default();
    let app = app(&text).layer(vitals.layer());
    let mut leaks = Vec::new();
    for said in forms::texts() {
        text.lock().unwrap().clone_from(&said);
        for path in ["/fails", "/twice", "/job"] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            requests::send(&app, request).await;
        }
        assert!(client.flush(Some(LONG)));
        let bytes = std::mem::take(&mut *captured.0.lock().unwrap());
        let bytes = String::from_utf8(bytes).unwrap();
        assert!(
            bytes.matches(r#""type":"event""#).count() >= 4,
            "{said}: {bytes}"
        );
        if let Some(place) = found(&bytes).into_iter().next() {
            leaks.push(format!("{said}\n    {place}"));
        }
    }
    Hub::current().bind_client(None);
    assert!(
        leaks.is_empty(),
        "{} leak:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}
