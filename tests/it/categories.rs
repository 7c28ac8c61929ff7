//! Gives each failure the category of its best evidence.

mod answers;

mod costs;

mod endings;

mod evidence;

mod rules;

use std::{error::Error, fmt};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
    routing::get,
};
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_vitals::{Vitals, category::Rules};

use crate::support::{exposition::Exposition, requests, stacks::isolated};

/// The one category that was counted for an endpoint; `None` if none was.
fn category_of(vitals: &Vitals, endpoint: &str) -> Option<String> {
    let scrape = Exposition::of(vitals);
    let found: Vec<_> = scrape
        .samples
        .iter()
        .filter(|((name, labels), value)| {
            name == "errors_total" && labels["endpoint"] == endpoint && **value > 0.0
        })
        .map(|((_, labels), value)| (labels["category"].clone(), *value))
        .collect();
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next().map(|(category, count)| {
        assert_eq!(count, 1.0);
        category
    })
}

/// The category of an error that a service returns.
async fn of_error(error: impl Into<BoxError>, rules: Rules) -> Option<String> {
    let vitals = Vitals::builder().isolated().rules(rules).build().unwrap();
    let error = std::sync::Mutex::new(Some(error.into()));
    let service = vitals.layer().layer(service_fn(move |_: Request<()>| {
        let error = error.lock().unwrap().take().unwrap();
        async move { Err::<Response<Full<Bytes>>, BoxError>(error) }
    }));
    assert!(service.oneshot(Request::new(())).await.is_err());
    category_of(&vitals, "unmatched")
}

/// The category of a handler's answer, and the status and body that the client sees.
async fn of_answer(
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> (Option<String>, StatusCode, String) {
    let vitals = isolated();
    let app = Router::new()
        .route("/", get(async move || answer()))
        .layer(vitals.layer());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    let status = response.status();
    let body = requests::text(response.into_body()).await;
    (category_of(&vitals, "/"), status, body)
}

#[derive(Debug)]
struct Layered(&'static str, Option<Box<dyn Error + Send + Sync>>);

impl fmt::Display for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Layered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

fn wrapped(cause: impl Into<BoxError>) -> Layered {
    Layered("could not do it", Some(cause.into()))
}
