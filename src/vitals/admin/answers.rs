//! Answers what is asked at the admin port.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::{
    health::HealthService,
    metrics::Exporter,
    vitals::{
        METRICS_PATH,
        monitoring::Api,
        scrape::{Reading, Scrapes},
    },
};

/// What the admin port serves. Clones share it.
#[derive(Clone)]
pub(super) struct Answers {
    scrapes: Option<Scrapes>,
    health: Option<HealthService>,
    api: Api,
}

/// The body of an answer.
pub(super) type AnswerBody = Either<Full<Bytes>, Reading>;

// === impl Answers ===

impl Answers {
    pub(super) fn new(
        exporter: Option<&Exporter>,
        health: Option<&HealthService>,
        api: Api,
    ) -> Self {
        Self {
            scrapes: exporter.cloned().map(Scrapes::new),
            health: health.cloned(),
            api,
        }
    }

    /// Answers a request of this peer.
    pub(super) async fn answer<B>(
        &mut self,
        request: Request<B>,
        peer: SocketAddr,
    ) -> Response<AnswerBody>
    where
        B: Body<Data: Send, Error: Send> + Send + 'static,
    {
        let request = match self.api.answer(request, peer).await {
            Ok(response) => return response.map(Either::Left),
            Err(request) => request,
        };
        match &self.scrapes {
            Some(scrapes) if request.uri().path() == METRICS_PATH => {
                scrape(scrapes, &request).await
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

async fn scrape<B>(scrapes: &Scrapes, request: &Request<B>) -> Response<AnswerBody> {
    match *request.method() {
        Method::GET => scrapes.answer(request.headers()).await.map(Either::Right),
        Method::HEAD => {
            let (mut head, body) = scrapes.answer(request.headers()).await.into_parts();
            if let Some(length) = body.size_hint().exact() {
                head.headers.insert(header::CONTENT_LENGTH, length.into());
            }
            Response::from_parts(head, Either::Left(Full::default()))
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
