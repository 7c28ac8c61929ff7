//! Lets a layer follow the body of a request whatever its type, at the price of another type further in.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::request_body::RequestBody;
use crate::facts::shared::Shared;

/// A layer of this crate that gives the inner service a [`RequestBody`].
///
/// The body of a request is followed without it where it is axum's or tonic's. A server of another kind needs it:
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower::ServiceBuilder;
/// use tower_vitals::{Vitals, plumbing::RequestBody};
///
/// type Incoming = hyper::body::Incoming;
///
/// let vitals = Vitals::builder().isolated().build()?;
/// let service = ServiceBuilder::new()
///     .layer(vitals.layer().wrap_request_body())
///     .service_fn(async |_: Request<RequestBody<Incoming>>| {
///         Ok::<_, Infallible>(Response::new("hello".to_owned()))
///     });
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WrapRequestBodyLayer<L> {
    layer: L,
}

/// The inner service of a [`WrapRequestBodyLayer`].
#[derive(Clone, Debug)]
pub struct WrapRequestBody<S> {
    inner: S,
}

// === impl WrapRequestBodyLayer ===

impl<L> WrapRequestBodyLayer<L> {
    pub(crate) const fn new(layer: L) -> Self {
        Self { layer }
    }
}

impl<L, S> Layer<S> for WrapRequestBodyLayer<L>
where
    L: Layer<WrapRequestBody<S>>,
{
    type Service = L::Service;

    fn layer(&self, inner: S) -> L::Service {
        self.layer.layer(WrapRequestBody { inner })
    }
}

// === impl WrapRequestBody ===

impl<S, B> Service<Request<B>> for WrapRequestBody<S>
where
    S: Service<Request<RequestBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let (parts, body) = request.into_parts();
        let body = RequestBody::new(body, Shared::observed(&parts.extensions));
        self.inner.call(Request::from_parts(parts, body))
    }
}
