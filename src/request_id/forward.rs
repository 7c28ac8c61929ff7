//! Puts the id of the current exchange on the requests that it sends.
//!
//! All of it goes through [`put`].

use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Request};
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
///
/// It wraps each client that is a Tower service of `http::Request`: hyper-util's, a channel of tonic, and with feature
/// `reqwest` also a `reqwest::Client`. For code that builds its requests itself there is [`forward`].
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
        put(request.headers_mut(), &self.header);
        self.inner.call(request)
    }
}

#[cfg(feature = "reqwest")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "reqwest")))]
impl<S: Service<reqwest::Request>> Service<reqwest::Request> for ForwardRequestId<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: reqwest::Request) -> S::Future {
        put(request.headers_mut(), &self.header);
        self.inner.call(request)
    }
}

/// Puts the id of the [current exchange](Exchange::current) into the headers of an outbound request, as `x-request-id`, and its
/// [trace](crate::trace_context) if it has one. Values that are there stay. Without a current exchange it does nothing.
///
/// For clients that are no Tower service, and for a request builder of reqwest:
///
/// ```
/// use http::HeaderMap;
/// use tower_vitals::request_id;
///
/// # async fn handler(client: reqwest::Client) -> Result<(), reqwest::Error> {
/// let mut headers = HeaderMap::new();
/// request_id::forward(&mut headers);
/// client.get("http://stock/items").headers(headers).send().await?;
/// # Ok(())
/// # }
/// ```
pub fn forward(headers: &mut HeaderMap) {
    put(headers, &DEFAULT_HEADER);
}

/// Puts all that an outbound request carries of the current exchange.
pub(crate) fn put(headers: &mut HeaderMap, header: &HeaderName) {
    if let Some(exchange) = Exchange::current() {
        if !headers.contains_key(header)
            && let Some(id) = exchange.id_value()
        {
            let _ = headers.try_insert(header, id.clone());
        }
        trace_context::put(&exchange, headers);
    }
}
