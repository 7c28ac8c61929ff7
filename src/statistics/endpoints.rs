//! Tells the endpoints of a window apart.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use serde::Serialize;

use super::{
    traffic::{Tally, Traffic},
    wall_time::WallTime,
};
use crate::{
    metrics::{bounds::Bounds, readings::Key},
    window::Sums,
};

/// The requests of an endpoint with one method.
///
/// `unmatched` and `overflow` are endpoints like others: the requests that matched no route, and those of endpoints over the
/// [cap](crate::metrics::Settings::endpoint_cap).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EndpointStatistics {
    /// One of the nine methods of HTTP, or `_OTHER`.
    pub method: &'static str,
    /// The route, such as `/orders/{id}`.
    pub endpoint: String,
    /// Its requests. In JSON they stand beside method and endpoint.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// The statistics of an endpoint as caches of other monitoring systems keep them, for tools that read that shape.
///
/// ```
/// use tower_vitals::statistics::EndpointStatistics;
///
/// // {"total_requests":2,"total_duration":500.0,"error_count":1,
/// //  "status_codes":{"200":1,"500":1},"last_updated":"2026-11-20T12:00:00.000Z"}
/// fn cached(endpoint: &EndpointStatistics) -> Result<String, serde_json::Error> {
///     serde_json::to_string(&endpoint.summary())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EndpointSummary<'a> {
    /// See [`Traffic::requests`].
    pub total_requests: u64,
    /// In milliseconds. See [`Traffic::total_ms`].
    pub total_duration: f64,
    /// See [`Traffic::errors`].
    pub error_count: u64,
    /// See [`Traffic::statuses`].
    pub status_codes: &'a BTreeMap<String, u64>,
    /// See [`Traffic::last_updated`].
    pub last_updated: Option<WallTime>,
}

/// By what endpoints are sorted, the highest first. Those that are equal stand in the order of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointOrder {
    /// By the number of requests.
    #[default]
    Requests,
    /// By the number of errors.
    Errors,
    /// By p95. Endpoints without one come last.
    P95,
    /// By the sum of all durations: where the service spends its time.
    TotalTime,
}

// === impl EndpointStatistics ===

impl EndpointStatistics {
    /// All endpoints with requests in the window, by their requests.
    pub(super) fn of_each(sums: &Sums, bounds: &Bounds) -> Vec<Self> {
        let mut tallies: HashMap<_, Tally> = HashMap::new();
        for (key, counts) in &sums.counts {
            if let Key::Requests {
                endpoint,
                method,
                status,
            } = key
            {
                let tally = tallies.entry((&**endpoint, *method)).or_default();
                tally.add_requests(*status, counts, sums.last.get(key));
            }
        }
        for (key, counts) in &sums.durations {
            if let Key::Durations { endpoint, method } = key
                && let Some(tally) = tallies.get_mut(&(&**endpoint, *method))
            {
                tally.add_durations(counts.as_deref());
            }
        }
        let used = tallies.into_iter().filter(|(_, tally)| !tally.is_empty());
        let mut all: Vec<_> = used
            .map(|((endpoint, method), tally)| Self {
                method: method.as_str(),
                endpoint: endpoint.to_owned(),
                traffic: tally.finish(bounds),
            })
            .collect();
        all.sort_by(|one, other| EndpointOrder::Requests.compare(one, other));
        all
    }

    /// The same in the shape of a cache.
    #[must_use]
    pub const fn summary(&self) -> EndpointSummary<'_> {
        let Traffic {
            requests,
            errors,
            statuses,
            total_ms,
            last_updated,
            ..
        } = &self.traffic;
        EndpointSummary {
            total_requests: *requests,
            total_duration: *total_ms,
            error_count: *errors,
            status_codes: statuses,
            last_updated: *last_updated,
        }
    }
}

// === impl EndpointOrder ===

impl EndpointOrder {
    pub(super) fn compare(self, one: &EndpointStatistics, other: &EndpointStatistics) -> Ordering {
        let (a, b) = (&one.traffic, &other.traffic);
        let p95 = |traffic: &Traffic| traffic.p95_ms.unwrap_or(-1.0);
        let highest_first = match self {
            Self::Requests => b.requests.cmp(&a.requests),
            Self::Errors => b.errors.cmp(&a.errors),
            Self::P95 => p95(b).total_cmp(&p95(a)),
            Self::TotalTime => b.total_ms.total_cmp(&a.total_ms),
        };
        let by_name = || (&one.endpoint, one.method).cmp(&(&other.endpoint, other.method));
        highest_first.then_with(by_name)
    }
}
