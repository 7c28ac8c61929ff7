//! The console: one page that shows all that this API knows, and the JSON that it asks for.

mod assets;
mod cached;
mod endpoint;
mod inside;
mod instances;
mod live;
mod page;
mod people;
mod places;
mod sections;
mod times;
mod traffic;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

#[cfg(test)]
pub(super) use self::assets::ASSETS;
pub(super) use self::{
    endpoint::EndpointQuestion,
    live::{Cursor, Rendering},
    page::{Shell, asked, shell},
};
use self::{live::Live, sections::Sections};
use super::{answer, sources::Sources};

/// What all open pages share: it is drawn once a second at most, and less often if that takes long, whoever asks. If nobody does, it is
/// not drawn at all.
#[derive(Debug)]
pub(super) struct Console {
    live: Live,
    sections: Sections,
}

// === impl Console ===

impl Console {
    /// `may_change`: a browser can change something, with the token. `errors`: the texts of checks' errors are shown.
    pub(super) fn new(
        sources: Arc<Sources>,
        access: &'static str,
        may_change: bool,
        errors: bool,
    ) -> Self {
        Self {
            live: Live::new(),
            sections: Sections::new(sources, access, may_change, errors),
        }
    }

    /// The last drawing, if it is new enough.
    pub(super) fn fresh(&self) -> Option<Arc<Rendering>> {
        self.live.fresh()
    }

    /// The same, or what it draws now. It can take milliseconds.
    pub(super) fn current(&self) -> Arc<Rendering> {
        self.live.current(|| self.sections.draw())
    }
}

/// What changed since a cursor. If the client has seen all of it, the answer has no body.
pub(super) fn changed(
    rendering: &Rendering,
    since: Option<&Cursor>,
    headers: &HeaderMap,
) -> Response<Full<Bytes>> {
    let tag = rendering.tag();
    if cached::is_known(headers, &tag) {
        return cached::unchanged(&tag, "no-store");
    }
    let text = rendering.since(since);
    let mut response = answer::bytes(StatusCode::OK, text);
    cached::add_tag(&mut response, &tag);
    response
}
