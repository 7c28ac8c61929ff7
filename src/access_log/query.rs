//! Shows the query of a request without its secrets.

use crate::{config::ConfigError, scrub::Scrubbing, text::printable};

/// The most bytes of a query that an event shows.
const LONGEST: usize = 512;

/// What is taken out of a query.
#[derive(Clone, Debug)]
pub(super) struct Query(Scrubbing);

// === impl Query ===

impl Query {
    pub(super) fn new(scrubbing: Scrubbing) -> Result<Self, ConfigError> {
        scrubbing.checked().map(Self)
    }

    /// The query as the event shows it. `None` if nothing may be shown.
    pub(super) fn shown(&self, query: &str) -> Option<String> {
        let Self(scrubbing) = self;
        let kept = scrubbing.query(query, LONGEST)?;
        Some(printable(&kept, LONGEST))
    }
}
