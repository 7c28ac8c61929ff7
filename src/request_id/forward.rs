//! Puts the id of the current exchange on the requests that it sends.

use std::task::{Context, Poll};

use http::{HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::DEFAULT_HEADER;
use crate::{
    config::{self, ConfigError},
    facts::exchange::Exchange,
    trace_context,
};

/// A client-side layer that puts the id of the [current exchange](Exchange::current) on outbound requests, and its
/// [trace](crate::trace_context) if it has one.
///
/// An id or a trace that the caller has set stays. Without a current exchange, as in a task of `tokio::spawn`, nothing is added:
/// [`Exchange::scope`] carries the exchange into such a task. Under `tokio::join!` each branch has the id of its own
/// request.
///
/// ```
/// use tower_layer::Layer;
/// use tower_vitals::request_id::ForwardRequestIdLayer;
///
/// # let client = ();
/// let client = ForwardRequestIdLayer::new().layer(client);
/// ```
#[derive(Clone, Debug)]
pub struct ForwardRequestIdLayer {
    header: HeaderName,
}

/// The client that [`ForwardRequestIdLayer`] makes.
#[derive(Clone, Debug)]
pub struct ForwardRequestId<S> {
    inner: S,
    header: HeaderName,
}

// === impl ForwardRequestIdLayer ===

impl ForwardRequestIdLayer {
    /// A layer for `x-request-id`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: DEFAULT_HEADER,
        }
    }

    /// The header that carries the id. Defaults to `x-request-id`.
    ///
    /// # Errors
    ///
    /// If `name` is not a header name, or is one that HTTP itself needs.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.header = config::header_name("request_id.header", name)?;
        Ok(self)
    }
}

impl Default for ForwardRequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ForwardRequestIdLayer {
    type Service = ForwardRequestId<S>;

    fn layer(&self, inner: S) -> ForwardRequestId<S> {
        ForwardRequestId {
            inner,
            header: self.header.clone(),
        }
    }
}

// === impl ForwardRequestId ===

impl<S, ReqBody> Service<Request<ReqBody>> for ForwardRequestId<S>
where
    S: Service<Request<ReqBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> S::Future {
        if let Some(exchange) = Exchange::current() {
            let headers = request.headers_mut();
            if !headers.contains_key(&self.header)
                && let Some(id) = exchange.id_value()
            {
                let _ = headers.try_insert(&self.header, id.clone());
            }
            trace_context::put(&exchange, headers);
        }
        self.inner.call(request)
    }
}
