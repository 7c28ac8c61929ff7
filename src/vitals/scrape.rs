//! Answers scrapes, and limits how many run at once.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, StatusCode, header},
    routing::{MethodRouter, get},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

use crate::{exclude::ExcludeLayer, metrics::Exporter};

/// How many scrapes run at once: one Prometheus, its replacement during a rollout, an engineer, and one to spare.
const AT_ONCE: usize = 4;

/// A rendered text. It counts as running until its last byte is sent.
struct Rendering {
    text: String,
    _permit: OwnedSemaphorePermit,
}

pub(super) fn route<S>(exporter: Exporter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    get(move || answer(exporter.clone(), Arc::clone(&permits))).layer(ExcludeLayer::route())
}

async fn answer(exporter: Exporter, permits: Arc<Semaphore>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let rendered = match permits.try_acquire_owned() {
        // With thousands of series it takes milliseconds: not on a thread that serves requests.
        Ok(permit) => task::spawn_blocking(move || Rendering {
            text: exporter.render(),
            _permit: permit,
        })
        .await
        .ok(),
        Err(_) => None,
    };
    match rendered {
        Some(rendering) => {
            const TEXT: HeaderValue =
                HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
            *response.body_mut() = Body::from(Bytes::from_owner(rendering));
        }
        None => {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            const SOON: HeaderValue = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, SOON);
        }
    }
    response
}

impl AsRef<[u8]> for Rendering {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}
