//! Tells which id the request has, and which it had further out.

use http::HeaderValue;

use super::Exchange;
use crate::facts::given_id::{GivenId, RouteId};

// === impl Exchange ===

impl Exchange {
    /// The id of the request, if a [`RequestIdLayer`](crate::RequestIdLayer) has set it. A layer on a route can [give
    /// another](crate::request_id#on-a-route).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        // Ids are letters, digits and few signs. This looks at eight of them at a time.
        let id = self.id_value()?;
        str::from_utf8(id.as_bytes()).ok()
    }

    pub(crate) fn id_value(&self) -> Option<&HeaderValue> {
        self.given_id().map(|given| &given.value)
    }

    /// The id that counts: of a route, else of the outermost layer for ids.
    pub(crate) fn given_id(&self) -> Option<&GivenId> {
        let late = self.known_late();
        let of_route = late.and_then(|late| late.route_ids.iter().last());
        of_route
            .map(|of_route| &of_route.id)
            .or_else(|| self.first_id())
    }

    /// The id that the outermost layer for ids gave.
    pub(crate) fn first_id(&self) -> Option<&GivenId> {
        let late = || self.known_late()?.id.get();
        self.start.id.as_ref().or_else(late)
    }

    /// All ids that layers gave, from the outside in.
    pub(crate) fn given_ids(&self) -> impl Iterator<Item = &GivenId> {
        let of_routes = self.route_ids().map(|of_route| &of_route.id);
        self.first_id().into_iter().chain(of_routes)
    }

    /// The ids that layers on routes gave in place of it, from the outside in.
    pub(crate) fn route_ids(&self) -> impl Iterator<Item = &RouteId> {
        let late = self.known_late().into_iter();
        late.flat_map(|late| late.route_ids.iter())
    }

    /// Takes the id that a layer on a route gives in place of that of the layers further out.
    pub(crate) fn add_route_id(&self, id: GivenId, maker_failed: bool) {
        self.late().route_ids.add(id, maker_failed);
    }
}
