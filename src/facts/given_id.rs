//! Holds the ids that layers gave to a request, and what a layer further in must know of them.

use std::{
    fmt,
    iter::successors,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use http::{HeaderName, HeaderValue};

pub(crate) const DEFAULT_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The same, to be lent.
static DEFAULT: HeaderName = DEFAULT_HEADER;

/// An id that a layer gave to a request.
#[derive(Debug)]
pub(crate) struct GivenId {
    pub(crate) value: HeaderValue,
    /// It did not come with the request.
    pub(crate) is_made: bool,
    /// The valid id that came with the request, if the layer did not trust it.
    pub(crate) refused: Option<Box<HeaderValue>>,
    /// What the application chose for the layer, if it did.
    pub(crate) by: Option<Arc<IdSettings>>,
}

/// What the application chose for a layer. What is `None` is left to the layer further out, else to the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdSettings {
    pub(crate) header: Option<HeaderName>,
    pub(crate) trust_inbound: Option<bool>,
    pub(crate) tower_http_extension: bool,
    pub(crate) maker: Option<IdMaker>,
}

/// The application's own function that makes ids.
#[derive(Clone)]
pub(crate) struct IdMaker(Arc<dyn Fn() -> String + Send + Sync>);

/// An id that a layer on a route gave in place of that of the layers further out.
#[derive(Debug)]
pub(crate) struct RouteId {
    pub(crate) id: GivenId,
    /// A function of the application that should have made it failed.
    pub(crate) maker_failed: bool,
    next: RouteIds,
}

/// The ids of routes, from the outside in. None is ever taken away, since code of the application can hold it.
#[derive(Debug, Default)]
pub(super) struct RouteIds(OnceLock<Box<RouteId>>);

/// The id, if it is the only one and has the form of one.
pub(crate) fn only_valid<'v>(
    mut values: impl Iterator<Item = &'v HeaderValue>,
) -> Option<&'v HeaderValue> {
    let only = values.next().filter(|_| values.next().is_none())?;
    is_valid(only.as_bytes()).then_some(only)
}

fn is_valid(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

// === impl GivenId ===

impl GivenId {
    /// An id that a layer without settings made.
    pub(crate) const fn made(value: HeaderValue) -> Self {
        Self {
            value,
            is_made: true,
            refused: None,
            by: None,
        }
    }

    /// An id that came with the request.
    pub(crate) const fn inbound_id(value: HeaderValue) -> Self {
        Self {
            value,
            is_made: false,
            refused: None,
            by: None,
        }
    }

    /// The header that carries it.
    pub(crate) fn header(&self) -> &HeaderName {
        IdSettings::header_of(self.by.as_deref())
    }

    /// The valid id that came with the request, whether it was kept or not.
    pub(crate) fn inbound(&self) -> Option<&HeaderValue> {
        match self.is_made {
            true => self.refused.as_deref(),
            false => Some(&self.value),
        }
    }
}

// === impl IdSettings ===

impl IdSettings {
    /// The header of a layer with these settings.
    pub(crate) fn header_of(settings: Option<&Self>) -> &HeaderName {
        let own = settings.and_then(|own| own.header.as_ref());
        own.unwrap_or(&DEFAULT)
    }
}

// === impl IdMaker ===

impl IdMaker {
    pub(crate) fn new(make: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// An id. `None` if the function fails, or makes none that is valid.
    pub(crate) fn id(&self) -> Option<HeaderValue> {
        let Self(make) = self;
        let id = catch_unwind(AssertUnwindSafe(|| make())).ok()?;
        let id = Some(id).filter(|id| is_valid(id.as_bytes()))?;
        HeaderValue::try_from(id).ok()
    }
}

impl fmt::Debug for IdMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdMaker").finish_non_exhaustive()
    }
}

// === impl RouteIds ===

impl RouteIds {
    pub(super) fn iter(&self) -> impl Iterator<Item = &RouteId> {
        successors(self.first(), |last| last.next.first())
    }

    fn first(&self) -> Option<&RouteId> {
        let Self(first) = self;
        first.get().map(|first| &**first)
    }

    /// Adds an id behind all others.
    pub(super) fn add(&self, id: GivenId, maker_failed: bool) {
        let mut added = Box::new(RouteId {
            id,
            maker_failed,
            next: Self::default(),
        });
        let mut place = self;
        while let Err(back) = place.0.set(added) {
            added = back;
            let Some(taken) = place.0.get() else { return };
            place = &taken.next;
        }
    }
}
