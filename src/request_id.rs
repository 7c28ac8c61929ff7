//! Gives every request one id: accepted or made, carried in, onto the response and onward.
//!
//! # When it speaks
//!
//! - Before the inner service is called: the id stands in the request's header, in its extensions as tower-http's
//!   `RequestId` (so that other middleware sees it) and in [`Exchange::id`].
//! - When there is a response: the id stands in its header exactly once, whatever the service has put there. A response
//!   that the service never makes, because it returns `Err` or panics, carries none.
//!
//! Where layers of this kind nest, the outermost decides.

mod forward;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header, request, response};
use tower_http::request_id::RequestId;
use tower_layer::Layer;

pub use self::forward::{ForwardRequestId, ForwardRequestIdLayer};
use crate::{
    config::ConfigError,
    exchange::{Exchange, LayerKinds},
    exclude::Patterns,
    metrics::Metrics,
    observe::{Engine, Observed, Observer},
};

const DEFAULT_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every request an id.
///
/// An inbound id is kept if it is the header's only value and has 1 to 128 characters of `[A-Za-z0-9._-]`; otherwise, and
/// always with [`trust_inbound(false)`](Self::trust_inbound), a fresh UUIDv7 takes its place. See the
/// [module docs](self) for where the id is then found.
///
/// ```
/// use tower_vitals::RequestIdLayer;
///
/// let layer = RequestIdLayer::new().header("x-correlation-id")?.trust_inbound(false);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    engine: Arc<Engine<RequestIdObserver>>,
}

/// The observer behind [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub(crate) struct RequestIdObserver {
    header: HeaderName,
    trust_inbound: bool,
    maker: Option<Maker>,
    /// Where a maker's failures are counted; in the process's counters if none are named.
    pub(crate) metrics: Option<Metrics>,
}

/// The application's own way to make ids.
#[derive(Clone)]
struct Maker(Arc<dyn Fn() -> String + Send + Sync>);

// === impl RequestIdLayer ===

impl RequestIdLayer {
    /// A layer for `x-request-id` that keeps valid inbound ids.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(Engine {
                exclude: Patterns::default(),
                observer: RequestIdObserver::new(),
            }),
        }
    }

    /// The header that carries the id. Defaults to `x-request-id`.
    ///
    /// # Errors
    ///
    /// When `name` is no header name, or one that HTTP itself needs.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        Arc::make_mut(&mut self.engine).observer.header = checked_header(name)?;
        Ok(self)
    }

    /// Whether a valid inbound id is kept. Defaults to `true`.
    ///
    /// Say `false` where requests come straight from the internet and two clients must not be able to share an id.
    #[must_use]
    pub fn trust_inbound(mut self, trust: bool) -> Self {
        Arc::make_mut(&mut self.engine).observer.trust_inbound = trust;
        self
    }

    /// Makes the ids of requests that bring none. Defaults to UUIDv7.
    ///
    /// What it makes must be as a valid inbound id is. Where it is not, and where it panics, a UUIDv7 takes its place and
    /// `vitals_hook_failures_total` counts.
    #[must_use]
    pub fn make_with(mut self, maker: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.engine).observer.maker = Some(Maker(Arc::new(maker)));
        self
    }

    /// Where failures of the maker are counted. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.metrics = Some(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }

    /// What this layer does, to be part of a stack.
    pub(crate) fn observer(&self) -> RequestIdObserver {
        self.engine.observer.clone()
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl Ids ===

impl RequestIdObserver {
    const fn new() -> Self {
        Self {
            header: DEFAULT_HEADER,
            trust_inbound: true,
            maker: None,
            metrics: None,
        }
    }

    fn inbound(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if !self.trust_inbound {
            return None;
        }
        let mut values = headers.get_all(&self.header).iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        is_valid(only.as_bytes()).then(|| only.clone())
    }

    fn made(&self) -> Option<HeaderValue> {
        let Maker(make) = self.maker.as_ref()?;
        let id = catch_unwind(AssertUnwindSafe(|| make()))
            .ok()
            .filter(|id| is_valid(id.as_bytes()))
            .and_then(|id| HeaderValue::try_from(id).ok());
        if id.is_none() {
            Metrics::or_global(self.metrics.as_ref()).hook_failed();
        }
        id
    }
}

impl Observer for RequestIdObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::REQUEST_ID
    }

    fn request(&self, _: LayerKinds, exchange: &Arc<Exchange>, request: &mut request::Parts) {
        let id = self.inbound(&request.headers).unwrap_or_else(|| {
            let id = self.made().unwrap_or_else(fresh);
            carry(&mut request.headers, &self.header, &id);
            id
        });
        request.extensions.insert(RequestId::new(id.clone()));
        // The first id stands: only the layer that claimed the kind comes here, and once.
        let _ = exchange.id_value().set(id);
    }

    fn head(&self, _: LayerKinds, exchange: &Arc<Exchange>, response: &mut response::Parts) {
        if let Some(id) = exchange.id_value().get() {
            carry(&mut response.headers, &self.header, id);
        }
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Maker").finish_non_exhaustive()
    }
}

fn checked_header(name: &str) -> Result<HeaderName, ConfigError> {
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
    let refuse = |reason| ConfigError::new("request_id.header", name, reason);
    let header = name.parse().map_err(|_| refuse("not a header name"))?;
    if RESERVED.contains(&header) {
        return Err(refuse("HTTP needs this header for itself"));
    }
    Ok(header)
}

/// Puts the id into its header, in place of whatever stands there; nowhere, where there are more headers than a map can hold.
fn carry(headers: &mut HeaderMap, name: &HeaderName, id: &HeaderValue) {
    if headers.try_insert(name, id.clone()).is_err() {
        // A full map has no room even for a value in the place of another.
        headers.remove(name);
        let _ = headers.try_insert(name, id.clone());
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
    #[expect(clippy::disallowed_types, reason = "a UUIDv7 holds the wall clock")]
    let millis = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_millis() as u64);
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = [0; 36];
    id.hyphenated().encode_lower(&mut text);
    // Shared from the start: it is cloned for the request, its extensions, the exchange and the response.
    let text = Bytes::from_owner(Text(text));
    // Hexadecimal digits and dashes always make a header value; the fallback only spares us an `expect`.
    HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("unknown"))
}

/// A hyphenated UUID.
struct Text([u8; 36]);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
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

    /// As many headers as a map can hold, from the first.
    fn filled(first: HeaderName) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(first, HeaderValue::from_static("theirs"));
        let mut fits = |n: usize| {
            let name = HeaderName::try_from(format!("x-{n}")).unwrap();
            headers
                .try_append(name, HeaderValue::from_static(""))
                .is_ok()
        };
        let most = (0..).take_while(|n| fits(*n)).count();
        assert!(most > 10_000);
        headers
    }

    #[tokio::test]
    async fn more_headers_than_fit_are_no_panic_and_no_second_id() {
        for (first, answered) in [("x-first", 0), ("x-request-id", 1)] {
            let first = HeaderName::from_static(first);
            let layer = RequestIdLayer::new().trust_inbound(false);
            let service = layer.layer(tower::service_fn(|request: Request<()>| {
                let id = request.extensions().get::<RequestId>().unwrap();
                let carried = request.headers().get("x-request-id");
                assert!(carried.is_none_or(|carried| carried == id.header_value()));
                let mut response = Response::new(Full::new(Bytes::new()));
                *response.headers_mut() = filled(first.clone());
                std::future::ready(Ok::<_, std::convert::Infallible>(response))
            }));
            let mut request = Request::new(());
            *request.headers_mut() = filled(first.clone());
            let response = service.oneshot(request).await.unwrap();
            let ids = response.headers().get_all("x-request-id");
            assert_eq!(ids.iter().filter(|id| *id != "theirs").count(), answered);
            assert_eq!(ids.iter().count(), answered);
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
