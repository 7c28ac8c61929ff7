//! Gives every request one id: accepted or made, carried in and onto the response.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header, request, response};
use http_body::Body;
use tower_http::request_id::RequestId;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    config::ConfigError,
    exchange::{Exchange, Kinds},
    observe::{Facts, Observed, Observer, ResponseBody, ResponseFuture},
};

/// Gives every request an id.
///
/// An inbound id is kept if it is the header's only value and has 1 to 128 characters of `[A-Za-z0-9._-]`; otherwise, and
/// always with [`trust_inbound(false)`](Self::trust_inbound), a fresh UUIDv7 takes its place. The id is in the request's
/// header, in its extensions as tower-http's `RequestId`, in [`Exchange::id`], and on the response exactly once, whatever
/// the service has put there.
///
/// ```
/// use tower_vitals::request_id::RequestIdLayer;
///
/// let layer = RequestIdLayer::new().header("x-correlation-id")?.trust_inbound(false);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    header: HeaderName,
    trust_inbound: bool,
}

/// The service that [`RequestIdLayer`] makes.
#[derive(Clone, Debug)]
pub struct RequestIds<S> {
    inner: Observed<S>,
}

// === impl RequestIdLayer ===

impl RequestIdLayer {
    /// A layer for `x-request-id` that keeps valid inbound ids.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: HeaderName::from_static("x-request-id"),
            trust_inbound: true,
        }
    }

    /// The header that carries the id. Defaults to `x-request-id`.
    ///
    /// # Errors
    ///
    /// When `name` is no header name, or one that HTTP itself needs.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        let refuse = |reason| ConfigError::new("request_id.header", name, reason);
        self.header = name.parse().map_err(|_| refuse("not a header name"))?;
        const RESERVED: [HeaderName; 9] = [
            header::HOST,
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::TRANSFER_ENCODING,
            header::TE,
            header::TRAILER,
            header::UPGRADE,
            header::DATE,
        ];
        if RESERVED.contains(&self.header) {
            return Err(refuse("HTTP needs this header for itself"));
        }
        Ok(self)
    }

    /// Whether a valid inbound id is kept. Defaults to `true`.
    #[must_use]
    pub const fn trust_inbound(mut self, trust: bool) -> Self {
        self.trust_inbound = trust;
        self
    }

    fn inbound(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut values = headers.get_all(&self.header).iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        (self.trust_inbound && is_valid(only.as_bytes())).then(|| only.clone())
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIds<S>;

    fn layer(&self, inner: S) -> RequestIds<S> {
        RequestIds {
            inner: Observed::new(inner, Arc::new(self.clone())),
        }
    }
}

impl Observer for RequestIdLayer {
    fn kinds(&self) -> Kinds {
        Kinds::REQUEST_ID
    }

    fn request(&self, _: Kinds, exchange: &Exchange, request: &mut request::Parts) {
        let id = self.inbound(&request.headers).unwrap_or_else(fresh);
        request.headers.insert(self.header.clone(), id.clone());
        request.extensions.insert(RequestId::new(id.clone()));
        exchange.settle_id(id);
    }

    fn head(&self, _: Kinds, exchange: &Exchange, response: &mut response::Parts) {
        if let Some(id) = exchange.id_value() {
            response.headers.insert(self.header.clone(), id.clone());
        }
    }

    fn end(&self, _: Kinds, _: &Exchange, _: &Facts) {}
}

// === impl RequestIds ===

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequestIds<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        self.inner.call(request)
    }
}

fn is_valid(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

/// A UUIDv7 from a generator of the thread's own: no lock, no system call for randomness.
fn fresh() -> HeaderValue {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = uuid::Uuid::encode_buffer();
    let text = id.hyphenated().encode_lower(&mut text);
    // Hexadecimal digits and dashes always make a header value; the fallback only spares us an `expect`.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use tower::ServiceExt;

    use super::*;

    /// Sends one request through `layer`; gives the id that the service saw and all that stand on the response.
    async fn exchange(layer: RequestIdLayer, inbound: &[&[u8]]) -> (String, Vec<String>) {
        let service = layer.layer(tower::service_fn(|request: Request<()>| async move {
            let seen = request.headers()["x-request-id"].clone();
            let extension = request.extensions().get::<RequestId>().unwrap();
            assert_eq!(extension.header_value(), &seen);
            assert_eq!(Exchange::current().unwrap().id(), seen.to_str().ok());
            Ok::<_, std::convert::Infallible>(
                Response::builder()
                    .header("x-request-id", "the-service's")
                    .header("seen", seen)
                    .body(Full::new(Bytes::new()))
                    .unwrap(),
            )
        }));
        let mut request = Request::new(());
        for value in inbound {
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append("x-request-id", value);
        }
        let response = service.oneshot(request).await.unwrap();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let ids = response.headers().get_all("x-request-id");
        (
            text(&response.headers()["seen"]),
            ids.iter().map(text).collect(),
        )
    }

    #[tokio::test]
    async fn a_valid_inbound_id_is_kept_and_answered_once() {
        let longest = "a".repeat(128);
        for id in ["7", "Az0._-", longest.as_str()] {
            let (seen, answered) = exchange(RequestIdLayer::new(), &[id.as_bytes()]).await;
            assert_eq!((seen.as_str(), answered), (id, vec![id.to_owned()]));
        }
    }

    #[tokio::test]
    async fn anything_else_is_replaced_by_a_fresh_uuid() {
        let too_long = "a".repeat(129);
        let hostile: [&[&[u8]]; 9] = [
            &[],
            &[b""],
            &[b" "],
            &[b"a", b"b"],
            &[too_long.as_bytes()],
            &[b"a\tb"],
            &[b"\x9b31m"],
            &["\u{202e}".as_bytes()],
            &[b"${jndi:ldap://x}"],
        ];
        for inbound in hostile {
            let (seen, answered) = exchange(RequestIdLayer::new(), inbound).await;
            assert_eq!(uuid::Uuid::parse_str(&seen).unwrap().get_version_num(), 7);
            assert_eq!(answered, [seen]);
        }
    }

    #[tokio::test]
    async fn an_untrusting_layer_keeps_nothing() {
        let layer = RequestIdLayer::new().trust_inbound(false);
        let (seen, answered) = exchange(layer, &[b"mine"]).await;
        assert_ne!(seen, "mine");
        assert_eq!(answered, [seen]);
    }

    #[test]
    fn a_bad_header_name_is_refused() {
        for name in ["x request id", "", ":path", "host"] {
            let error = RequestIdLayer::new().header(name).unwrap_err();
            assert_eq!((error.field(), error.value()), ("request_id.header", name));
        }
    }
}
