//! Counts the bytes of the bodies of requests and responses, once somebody asks for it.

use std::sync::Arc;

use super::{
    Inner, Metrics,
    counts::Places,
    series::{Sample, SeriesKey},
    settings::Settings,
    table::{Limits, Table},
};
use crate::facts::Facts;

/// The sizes of bodies, by endpoint, method and status. With names that have no status there, it is 0.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) requests: Table,
    pub(super) responses: Table,
}

// === impl Metrics ===

impl Metrics {
    /// Counts the sizes of bodies from now on, for the layers that ask for it.
    pub(crate) fn count_sizes(&self) {
        self.sizes();
    }

    /// Counts the sizes of the bodies of a request. Returns `false` if its endpoint is over the cap.
    pub(super) fn sized(&self, endpoint: Option<&str>, key: SeriesKey, facts: &Facts) -> bool {
        let response = facts.status.map(|_| facts.bytes);
        self.sizes()
            .record(endpoint, key, facts.request_bytes, response)
    }

    fn sizes(&self) -> &Sizes {
        let Inner {
            settings,
            sizes,
            places,
            ..
        } = &*self.inner;
        sizes.get_or_init(|| Sizes::new(settings, places))
    }
}

// === impl Sizes ===

impl Sizes {
    pub(super) fn new(settings: &Settings, places: &Arc<Places>) -> Self {
        let limits = Limits {
            endpoints: settings.endpoint_cap,
            // As streams: few endpoints have more than four methods or statuses.
            each: 4,
        };
        let table = || Table::new(limits, Some(settings.size_bounds()), places);
        Self {
            requests: table(),
            responses: table(),
        }
    }

    /// Counts one exchange: the bytes of its request, and those of its response if there was one. Returns `false` if its endpoint
    /// is over the cap.
    fn record(
        &self,
        endpoint: Option<&str>,
        key: SeriesKey,
        request: Option<u64>,
        response: Option<u64>,
    ) -> bool {
        let record = |table: &Table, bytes: Option<u64>| {
            bytes.is_none_or(|bytes| table.record(endpoint, key, Sample::of_bytes(bytes)))
        };
        let requests = record(&self.requests, request);
        record(&self.responses, response) && requests
    }

    pub(super) fn memory_bound(&self, most: usize, pushes: bool) -> usize {
        let tables = [&self.requests, &self.responses];
        tables
            .map(|table| table.memory_bound(most, pushes))
            .iter()
            .sum()
    }
}
