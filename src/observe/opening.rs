//! Finds out whether a request is excluded, before anything is made for it.

use http::{Request, uri::PathAndQuery};
use tokio::time::Instant;

use super::EngineHandle;
use crate::facts::{exchange::received, shared::Shared};

/// What the outermost layer finds out first.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) started: Instant,
    /// The target as received.
    pub(super) target: Option<PathAndQuery>,
    pub(super) excluded: bool,
}

// === impl Opening ===

impl Opening {
    /// `None` if a layer further out has seen the request.
    #[inline(always)]
    pub(super) fn of<B>(engine: &EngineHandle, request: &Request<B>) -> Option<Self> {
        if Shared::of(request.extensions()).is_some() {
            return None;
        }
        let started = Instant::now();
        let target = received(request.uri(), request.extensions());
        let path = target.as_ref().map_or("", PathAndQuery::path);
        let (method, headers) = (request.method(), request.headers());
        let excluded = engine.exclude.matches(path, method, headers);
        Some(Self {
            started,
            target,
            excluded,
        })
    }
}
