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
//! If layers of this kind nest, the outermost gives the id, before a route is known. What an inner layer sets overrides it from
//! there on, each setting by itself, and the innermost wins:
//!
//! | setting of the inner layer | |
//! | --- | --- |
//! | [`trust_inbound(false)`](RequestIdLayer::trust_inbound) | an id that came with the request is replaced by a new one |
//! | `trust_inbound(true)` | a valid id that came with the request is taken, although the outer layer did not |
//! | [`make_with`](RequestIdLayer::make_with) | makes the id if none is taken |
//! | [`header`](RequestIdLayer::header) | carries the id too, on the request for the services further in and on the response; with `trust_inbound(true)` the id is taken from it |
//! | [`tower_http_extension`](RequestIdLayer::tower_http_extension) | is there for the services further in |
//!
//! From there on the request has the one id everywhere: in the header of the outer layer as well, on the response, in all lines
//! and in the log event, in Sentry, in the span of [`SpanLayer`](crate::SpanLayer), on outbound requests. Only lines that a
//! middleware between the two layers wrote before have the id of the outer layer. Without `trust_inbound(true)`, what a client
//! sends in the `header` of the inner layer is never taken.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_vitals::{RequestIdLayer, Vitals};
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! // Partners send the id of their order with each request.
//! let correlation = RequestIdLayer::new().header("x-correlation-id")?;
//! let correlation = correlation.trust_inbound(true);
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(|| async { "an order" }))
//!     .route("/partner", get(|| async { "ok" }).layer(correlation))
//!     .layer(vitals.layer());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```

mod forward;
mod on_route;
mod uuid_v7;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header::Entry, response};
use tokio::time::Instant;
use tower_http::request_id::RequestId;

pub(crate) use self::forward::put;
pub use self::forward::{ForwardRequestId, ForwardRequestIdLayer, forward};
pub(crate) use self::uuid_v7::new_id;
pub(crate) use crate::facts::given_id::DEFAULT_HEADER;
use crate::{
    config::{self, ConfigError},
    facts::{
        Facts,
        exchange::{Exchange, Start},
        given_id::{GivenId, IdMaker, IdSettings, only_valid},
        kept_text,
        layer_kinds::LayerKinds,
        marks::Mark,
    },
    observe::{Engine, Observer, ObserverContext, RequestHead, StartContext, layer_methods},
};

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
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestIdObserver {
    /// `None` if the application chose nothing.
    settings: Option<Arc<IdSettings>>,
}

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
        self.settings().header = Some(config::header_name("request_id.header", name)?);
        Ok(self)
    }

    /// Whether a valid inbound id is kept. Defaults to `true`.
    ///
    /// Use `false` if requests come straight from the internet and no two clients may share an id.
    #[must_use]
    pub fn trust_inbound(mut self, trust: bool) -> Self {
        self.settings().trust_inbound = Some(trust);
        self
    }

    /// Whether the id is also in the request's extensions, as [`RequestId`] of tower-http. Defaults to `false`.
    ///
    /// Use `true` if other middleware or handlers read it there. It is the type of tower-http 0.7; for 0.6 see the guide to
    /// migration.
    #[must_use]
    pub fn tower_http_extension(mut self, insert: bool) -> Self {
        self.settings().tower_http_extension = insert;
        self
    }

    /// Makes the id of a request that has no valid one. Defaults to UUIDv7.
    ///
    /// The result must be valid as an inbound id is. If it is not, or if the maker panics, a UUIDv7 is used and
    /// `vitals_hook_failures_total` is incremented.
    #[must_use]
    pub fn make_with(mut self, maker: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.settings().maker = Some(IdMaker::new(maker));
        self
    }

    /// The header that carries the id.
    pub(crate) fn header_name(&self) -> &HeaderName {
        IdSettings::header_of(self.engine.observer.settings.as_deref())
    }

    /// The observer of this layer, for a stack.
    pub(crate) fn observer(&self) -> RequestIdObserver {
        self.engine.observer.clone()
    }

    fn settings(&mut self) -> &mut IdSettings {
        let observer = &mut Arc::make_mut(&mut self.engine).observer;
        Arc::make_mut(observer.settings.get_or_insert_default())
    }
}

layer_methods!(RequestIdLayer, Unexamined);

// === impl RequestIdObserver ===

impl RequestIdObserver {
    /// Gives the request its id, and puts it into its header by one look-up.
    fn give(&self, cx: &StartContext<'_>, headers: &mut HeaderMap) -> GivenId {
        let settings = self.settings.as_deref();
        let header = IdSettings::header_of(settings);
        let mut given = match headers.try_entry(header) {
            Ok(Entry::Vacant(place)) => {
                let id = self.new_id(cx);
                let _ = place.try_insert(id.clone());
                GivenId::made(id)
            }
            Ok(Entry::Occupied(mut place)) => {
                let inbound = only_valid(place.iter()).map(kept_text::value);
                let trust = settings.and_then(|own| own.trust_inbound).unwrap_or(true);
                match inbound {
                    Some(id) if trust => GivenId::inbound_id(id),
                    inbound => {
                        let id = self.new_id(cx);
                        place.insert(id.clone());
                        GivenId {
                            refused: inbound.map(Box::new),
                            ..GivenId::made(id)
                        }
                    }
                }
            }
            Err(_) => {
                let id = self.new_id(cx);
                set_header(headers, header, &id);
                GivenId::made(id)
            }
        };
        given.by = self.settings.clone();
        given
    }

    fn new_id(&self, cx: &StartContext<'_>) -> HeaderValue {
        let maker = self.settings.as_ref().and_then(|own| own.maker.as_ref());
        let (id, maker_failed) = make(maker, cx.started);
        if maker_failed {
            cx.metrics().hook_failed();
        }
        id
    }

    fn has_extension(&self) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|own| own.tower_http_extension)
    }
}

impl Observer for RequestIdObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::REQUEST_ID
    }

    fn joined(&self, active: LayerKinds, exchange: &Exchange, request: &mut dyn RequestHead) {
        if let Some(settings) = &self.settings
            && !active.overlaps(self.kinds())
        {
            on_route::apply(settings, exchange, request);
        }
    }

    fn request(&self, cx: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {
        let given = self.give(cx, request.headers_mut());
        if self.has_extension() {
            let id = RequestId::new(given.value.clone());
            request.extensions_mut().insert(id);
        }
        start.id = Some(given);
    }

    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {
        if let Some(id) = cx.exchange.id_value() {
            let header = IdSettings::header_of(self.settings.as_deref());
            set_header(&mut response.headers, header, id);
            if cx.exchange.marks().has(Mark::IdHeader) {
                let of_route = cx
                    .exchange
                    .read(|overrides| overrides.rare().id_header.clone());
                if let Some(header) = of_route {
                    set_header(&mut response.headers, &header, id);
                }
            }
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, _: &Facts) {
        // On a route it is not known who counts.
        let mut failed = cx.exchange.route_ids().filter(|id| id.maker_failed);
        failed.by_ref().for_each(|_| cx.metrics().hook_failed());
    }
}

/// A new id, and whether the function of the application that should have made it failed.
fn make(maker: Option<&IdMaker>, now: Instant) -> (HeaderValue, bool) {
    let made = maker.map(IdMaker::id);
    let failed = made == Some(None);
    (made.flatten().unwrap_or_else(|| new_id(now)), failed)
}

/// Sets the header to the id. Does nothing if the map is full.
fn set_header(headers: &mut HeaderMap, name: &HeaderName, id: &HeaderValue) {
    if headers.try_insert(name, id.clone()).is_err() {
        // A full map refuses even to replace a value.
        headers.remove(name);
        let _ = headers.try_insert(name, id.clone());
    }
}

#[cfg(test)]
mod tests;
