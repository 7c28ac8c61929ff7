//! Fails below the layers, where no handler can.

use std::{
    convert::Infallible,
    error::Error,
    fmt::{self, Display},
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{BoxError, extract::Request, response::Response};
use futures::future::Either;
use tower::{Layer, Service};

/// A layer below those of the crate. It panics or fails in `call`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultLayer;

#[derive(Clone, Debug)]
pub(crate) struct Fault<S>(S);

#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl<S> Layer<S> for FaultLayer {
    type Service = Fault<S>;

    fn layer(&self, inner: S) -> Fault<S> {
        Fault(inner)
    }
}

impl<S> Service<Request> for Fault<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = BoxError;
    type Future =
        Either<futures::future::ErrInto<S::Future, BoxError>, Ready<Result<Response, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match request.uri().path() {
            "/panic-sync" => panic!("/panic-sync: as you asked"),
            "/service-error" => Either::Right(ready(Err(Broken(
                "/service-error: as you asked".into(),
            )
            .into()))),
            _ => Either::Left(futures::TryFutureExt::err_into(self.0.call(request))),
        }
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Broken {}
