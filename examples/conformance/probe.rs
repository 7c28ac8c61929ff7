//! A gRPC service that ends each call as the request wants it, also in ways that a correct server never uses.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, Response};
use futures::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::time;
use tonic::{Code, Request, Status, Streaming, body::Body};
use tower::{Service, ServiceExt};

use crate::generated::{
    Rep, Req,
    probe_server::{Probe, ProbeServer},
};

/// The descriptor of `probe.proto`, which holds the types of its methods.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!("probe.bin");

pub(crate) const ROUTE: &str = "/conformance.v1.Probe/{*method}";

type Replies = Pin<Box<dyn Stream<Item = Result<Rep, Status>> + Send>>;

/// The service as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked;

/// How the trailers are changed.
#[derive(Clone, Default)]
struct Ending(Arc<Mutex<End>>);

#[derive(Clone, Default)]
enum End {
    #[default]
    AsItShould,
    WithoutStatus,
    With(HeaderValue),
}

/// The service, whose trailers are changed as the requests want it.
pub(crate) fn service() -> impl Service<
    axum::extract::Request,
    Response = Response<Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    ServiceExt::<axum::extract::Request>::map_response(
        ProbeServer::new(Asked),
        |mut response: Response<Body>| {
            let Some(ending) = response.extensions_mut().remove::<Ending>() else {
                return response;
            };
            response.map(|body| Body::new(body.map_frame(move |frame| ending.bend(frame))))
        },
    )
}

// === impl Ending ===

impl Ending {
    /// Reads the wanted ending from a request; refuses a status that is not a header value.
    fn take(&self, request: &Req) -> Result<(), Status> {
        let end = if request.no_status {
            End::WithoutStatus
        } else if request.raw_status.is_empty() {
            return Ok(());
        } else {
            let value = HeaderValue::from_bytes(request.raw_status.as_bytes());
            End::With(value.map_err(|error| Status::invalid_argument(error.to_string()))?)
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
        Ok(())
    }

    fn bend<D>(&self, frame: Frame<D>) -> Frame<D> {
        let mut trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(frame) => return frame,
        };
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            End::AsItShould => {}
            End::WithoutStatus => trailers = HeaderMap::new(),
            End::With(value) => _ = trailers.insert("grpc-status", value.clone()),
        }
        Frame::trailers(trailers)
    }

    fn with<T>(self, message: T) -> tonic::Response<T> {
        let mut response = tonic::Response::new(message);
        response.extensions_mut().insert(self);
        response
    }
}

// === impl Asked ===

async fn pause(request: &Req) {
    if request.delay_ms > 0 {
        time::sleep(Duration::from_millis(request.delay_ms.into())).await;
    }
}

fn wanted(request: &Req) -> Result<(), Status> {
    match request.status {
        None | Some(0) => Ok(()),
        Some(code) => Err(Status::new(Code::from_i32(code), "as asked")),
    }
}

fn reply(request: &Req, i: u32) -> Rep {
    Rep {
        payload: request.payload.clone(),
        i,
    }
}

/// `n` replies, then the status.
fn replies(request: Req) -> impl Stream<Item = Result<Rep, Status>> + Send {
    let status = wanted(&request).err().map(Err);
    let each = stream::iter(0..request.n).then(move |i| {
        let request = request.clone();
        async move {
            pause(&request).await;
            Ok(reply(&request, i))
        }
    });
    each.chain(stream::iter(status))
}

#[tonic::async_trait]
impl Probe for Asked {
    async fn unary(&self, request: Request<Req>) -> Result<tonic::Response<Rep>, Status> {
        let request = request.into_inner();
        let ending = Ending::default();
        ending.take(&request)?;
        pause(&request).await;
        wanted(&request)?;
        Ok(ending.with(reply(&request, 0)))
    }

    type ServerStreamStream = Replies;

    async fn server_stream(
        &self,
        request: Request<Req>,
    ) -> Result<tonic::Response<Replies>, Status> {
        let request = request.into_inner();
        let ending = Ending::default();
        ending.take(&request)?;
        Ok(ending.with(Box::pin(replies(request))))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<Req>>,
    ) -> Result<tonic::Response<Rep>, Status> {
        let mut requests = request.into_inner();
        let ending = Ending::default();
        let (mut last, mut received) = (Req::default(), 0);
        while let Some(request) = requests.message().await? {
            ending.take(&request)?;
            pause(&request).await;
            wanted(&request)?;
            received += 1;
            last = request;
        }
        Ok(ending.with(reply(&last, received)))
    }

    type BidiStream = Replies;

    async fn bidi(
        &self,
        request: Request<Streaming<Req>>,
    ) -> Result<tonic::Response<Replies>, Status> {
        let ending = Ending::default();
        let bent = ending.clone();
        let all = request.into_inner().flat_map(move |request| {
            let asked = request.and_then(|request| bent.take(&request).map(|()| request));
            match asked {
                Ok(request) => replies(request).boxed(),
                Err(status) => stream::iter([Err(status)]).boxed(),
            }
        });
        Ok(ending.with(Box::pin(all)))
    }
}
