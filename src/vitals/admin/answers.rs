//! Answers what is asked at the admin port.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::{
    health::HealthService,
    metrics::Exporter,
    vitals::{
        METRICS_PATH,
        scrape::{self, Reading, Scrapes},
    },
};

/// What the admin port serves. Clones share it.
#[derive(Clone)]
pub(super) struct Answers {
    scrapes: Option<Scrapes>,
    health: Option<HealthService>,
}

/// The body of an answer.
pub(super) type AnswerBody = Either<Full<Bytes>, Reading>;

// === impl Answers ===

impl Answers {
    pub(super) fn new(exporter: Option<&Exporter>, health: Option<&HealthService>) -> Self {
        Self {
            scrapes: exporter.cloned().map(Scrapes::new),
            health: health.cloned(),
        }
    }

    pub(super) async fn answer<B>(&mut self, request: Request<B>) -> Response<AnswerBody> {
        match &self.scrapes {
            Some(scrapes) if request.uri().path() == METRICS_PATH => {
                scrape(scrapes, request.method()).await
            }
            _ => match &mut self.health {
                Some(health) => match health.call(request).await {
                    Ok(response) => response.map(Either::Left),
                    Err(never) => match never {},
                },
                None => status(StatusCode::NOT_FOUND),
            },
        }
    }
}

async fn scrape(scrapes: &Scrapes, method: &Method) -> Response<AnswerBody> {
    match *method {
        Method::GET => scrapes.answer().await.map(Either::Right),
        Method::HEAD => {
            let mut response = status(StatusCode::OK);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, scrape::TEXT);
            response
        }
        _ => {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            response
        }
    }
}

fn status(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
