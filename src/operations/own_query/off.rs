//! Stands in where nobody listens to the queries of sqlx: without feature `sqlx` or `logging`.

#[derive(Debug)]
pub(super) struct OwnQuery;

// === impl OwnQuery ===

impl OwnQuery {
    pub(super) const fn begin() -> Self {
        Self
    }
}
