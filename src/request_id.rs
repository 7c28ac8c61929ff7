//! Gives every request one id, and puts it on the request, the response and outbound calls.
//!
//! # When it acts
//!
//! - Before the inner service is called: the id is in the request's header and in
//!   [`Exchange::id`](crate::exchange::Exchange::id), and with
//!   [`tower_http_extension`](RequestIdLayer::tower_http_extension) in the request's extensions.
//! - When there is a response: the id is in its header exactly once, whatever the service set there. If the service returns
//!   `Err` or panics, there is no response and so no header.
//!
//! # On a route
//!
//! If layers of this kind nest, the outermost decides what the id is: it is made before a route is known, and lines and spans
//! have it from then on. So [`trust_inbound`](RequestIdLayer::trust_inbound) and [`make_with`](RequestIdLayer::make_with) of an
//! inner layer change nothing. Its [`header`](RequestIdLayer::header), if it is set, carries the id too: on the request for
//! the services further in, and on the response beside the header of the outer layer. Of several inner layers the innermost
//! one's is on the response. Its [`tower_http_extension`](RequestIdLayer::tower_http_extension) is there for the services
//! further in.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_vitals::{RequestIdLayer, Vitals};
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! let correlation = RequestIdLayer::new().header("x-correlation-id")?;
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(|| async { "an order" }))
//!     .route("/partner", get(|| async { "ok" }).layer(correlation))
//!     .layer(vitals.layer());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```

mod forward;
mod uuid_v7;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{Entry, OccupiedEntry},
    request, response,
};
use tower_http::request_id::RequestId;

pub(crate) use self::forward::put;
pub use self::forward::{ForwardRequestId, ForwardRequestIdLayer, forward};
pub(crate) use self::uuid_v7::new_id;
use crate::{
    config::{self, ConfigError},
    facts::{
        exchange::{Exchange, Start},
        layer_kinds::LayerKinds,
        marks::Mark,
    },
    observe::{Engine, Observer, ObserverContext, StartContext, layer_methods},
};

pub(crate) const DEFAULT_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every request an id.
///
/// An inbound id is kept if it is the only value of the header and has 1 to 128 characters of `[A-Za-z0-9._-]`. Otherwise,
/// and always with [`trust_inbound(false)`](Self::trust_inbound), a new UUIDv7 replaces it. See the
/// [module docs](self) for where the id is found.
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
    /// The application chose the header.
    has_own_header: bool,
    trust_inbound: bool,
    tower_http_extension: bool,
    maker: Option<Maker>,
}

/// The application's own function that makes ids.
#[derive(Clone)]
struct Maker(Arc<dyn Fn() -> String + Send + Sync>);

// === impl RequestIdLayer ===

impl RequestIdLayer {
    /// A layer for `x-request-id` that keeps valid inbound ids.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// The header that carries the id. Defaults to `x-request-id`.
    ///
    /// # Errors
    ///
    /// If `name` is not a header name, or is one that HTTP itself needs.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        let observer = &mut Arc::make_mut(&mut self.engine).observer;
        observer.header = config::header_name("request_id.header", name)?;
        observer.has_own_header = true;
        Ok(self)
    }

    /// Whether a valid inbound id is kept. Defaults to `true`.
    ///
    /// Use `false` if requests come straight from the internet and no two clients may share an id.
    #[must_use]
    pub fn trust_inbound(mut self, trust: bool) -> Self {
        Arc::make_mut(&mut self.engine).observer.trust_inbound = trust;
        self
    }

    /// Whether the id is also in the request's extensions, as [`RequestId`] of tower-http. Defaults to `false`.
    ///
    /// Use `true` if other middleware or handlers read it there.
    #[must_use]
    pub fn tower_http_extension(mut self, insert: bool) -> Self {
        Arc::make_mut(&mut self.engine)
            .observer
            .tower_http_extension = insert;
        self
    }

    /// Makes the id of a request that has no valid one. Defaults to UUIDv7.
    ///
    /// The result must be valid as an inbound id is. If it is not, or if the maker panics, a UUIDv7 is used and
    /// `vitals_hook_failures_total` is incremented.
    #[must_use]
    pub fn make_with(mut self, maker: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.engine).observer.maker = Some(Maker(Arc::new(maker)));
        self
    }

    /// The observer of this layer, for a stack.
    pub(crate) fn observer(&self) -> RequestIdObserver {
        self.engine.observer.clone()
    }
}

layer_methods!(RequestIdLayer, Unexamined);

// === impl RequestIdObserver ===

impl RequestIdObserver {
    /// Puts the id of a request into its header, by one look-up.
    fn put(&self, cx: &StartContext<'_>, headers: &mut HeaderMap) -> HeaderValue {
        match headers.try_entry(&self.header) {
            Ok(Entry::Vacant(place)) => {
                let id = self.new_id(cx);
                let _ = place.try_insert(id.clone());
                id
            }
            Ok(Entry::Occupied(mut place)) => {
                if let Some(inbound) = self.inbound(&place) {
                    return inbound;
                }
                let id = self.new_id(cx);
                place.insert(id.clone());
                id
            }
            Err(_) => {
                let id = self.new_id(cx);
                set_header(headers, &self.header, &id);
                id
            }
        }
    }

    /// The inbound id, if it is kept.
    fn inbound(&self, values: &OccupiedEntry<'_, HeaderValue>) -> Option<HeaderValue> {
        let mut values = values.iter().filter(|_| self.trust_inbound);
        let only = values.next().filter(|_| values.next().is_none())?;
        is_valid(only.as_bytes()).then(|| only.clone())
    }

    fn new_id(&self, cx: &StartContext<'_>) -> HeaderValue {
        let made = self.maker.as_ref().and_then(|maker| maker.id(cx));
        made.unwrap_or_else(|| new_id(cx.started))
    }
}

// === impl Maker ===

impl Maker {
    /// An id of the application's maker, if it is valid.
    fn id(&self, cx: &StartContext<'_>) -> Option<HeaderValue> {
        let Self(make) = self;
        let id = catch_unwind(AssertUnwindSafe(|| make()))
            .ok()
            .filter(|id| is_valid(id.as_bytes()))
            .and_then(|id| HeaderValue::try_from(id).ok());
        if id.is_none() {
            cx.metrics().hook_failed();
        }
        id
    }
}

impl Default for RequestIdObserver {
    fn default() -> Self {
        Self {
            header: DEFAULT_HEADER,
            has_own_header: false,
            trust_inbound: true,
            tower_http_extension: false,
            maker: None,
        }
    }
}

impl Observer for RequestIdObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::REQUEST_ID
    }

    fn joined(&self, active: LayerKinds, exchange: &Exchange, request: &mut request::Parts) {
        let Some(id) = exchange.id_value() else {
            return;
        };
        if active.overlaps(self.kinds()) {
            return;
        }
        if self.tower_http_extension {
            request.extensions.insert(RequestId::new(id.clone()));
        }
        if self.has_own_header {
            set_header(&mut request.headers, &self.header, id);
            exchange.marks().set(Mark::IdHeader);
            let header = Box::new(self.header.clone());
            exchange.update(|overrides| overrides.id_header = Some(header));
        }
    }

    fn request(&self, cx: &StartContext<'_>, request: &mut request::Parts, start: &mut Start) {
        let id = self.put(cx, &mut request.headers);
        if self.tower_http_extension {
            request.extensions.insert(RequestId::new(id.clone()));
        }
        start.id = Some(id);
    }

    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {
        if let Some(id) = cx.exchange.id_value() {
            set_header(&mut response.headers, &self.header, id);
            if cx.exchange.marks().has(Mark::IdHeader) {
                let of_route = cx.exchange.read(|overrides| overrides.id_header.clone());
                if let Some(header) = of_route {
                    set_header(&mut response.headers, &header, id);
                }
            }
        }
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Maker").finish_non_exhaustive()
    }
}

/// Sets the header to the id. Does nothing if the map is full.
fn set_header(headers: &mut HeaderMap, name: &HeaderName, id: &HeaderValue) {
    if headers.try_insert(name, id.clone()).is_err() {
        // A full map refuses even to replace a value.
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

#[cfg(test)]
mod tests;
