//! Says what requests were like lately: which endpoint is slow, what fails, and since which release.
//!
//! [`Vitals::statistics`](crate::Vitals::statistics) gives the [handle](StatisticsHandle). A window is the last few seconds or
//! up to 24 hours:
//!
//! ```
//! use std::time::Duration;
//! use tower_vitals::Vitals;
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! let lately = vitals.statistics().over(Duration::from_secs(5 * 60))?;
//! if let Some(order) = lately.endpoint("GET", "/orders/{id}") {
//!     let traffic = &order.traffic;
//!     println!("{} requests, p95 {:?} ms", traffic.requests, traffic.p95_ms);
//! }
//! for error in &lately.errors {
//!     let (category, at) = (error.category.as_str(), &error.endpoint);
//!     println!("{category} {at}: {}, before {}", error.count, error.previous);
//! }
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! The numbers are differences of the counters behind `/metrics`, so both agree. Nothing is sampled. Where nothing happened
//! there is `None`, in JSON `null`, and never a division by 0. All types here can be serialized with `serde`.
//!
//! # When it counts
//!
//! A request is part of the window in which it ended, with all of its numbers. Requests on excluded paths are only in
//! [`Statistics::excluded`]. What happened outside the service, such as a message from a queue, can be counted after the fact:
//! see [`Metrics::record_request`](crate::metrics::Metrics::record_request) and
//! [`Metrics::record_error`](crate::metrics::Metrics::record_error).
//!
//! What a service does beside answering requests is part of the window in which it ended: see [`operations`](crate::operations).
//!
//! # How exact it is
//!
//! Counts, sums and means are exact. Quantiles are within 5 % from 66 µs to 69 s: the value that is shown stands for all in a
//! narrow bucket. Below 66 µs they are off by at most 33 µs, and above 69 s they are shown as 68.7 s. A window ends and begins
//! with a slot, which is at least 10 seconds long.

mod deployments;
mod endpoints;
mod errors;
mod handle;
#[cfg(feature = "health")]
mod overview;
mod quantile;
mod releases;
#[cfg(feature = "health")]
mod steps;
mod times;
mod traffic;
mod wall_time;
mod work;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

#[cfg(feature = "fleet")]
pub(crate) use self::handle::check as check_window;
use self::work::AllWork;
pub use self::{
    deployments::{DeploymentStatistics, JudgedDeployment},
    endpoints::{EndpointOrder, EndpointStatistics, EndpointSummary},
    errors::ErrorStatistics,
    handle::StatisticsHandle,
    releases::ReleaseStatistics,
    traffic::Traffic,
    wall_time::WallTime,
    work::{
        JobStatistics, OperationStatistics, OutboundStatistics, QueryStatistics, WorkStatistics,
    },
};
pub(crate) use self::{
    handle::{Source, Stretch, Stretches},
    releases::DeploymentMark,
};
#[cfg(feature = "health")]
pub(crate) use self::{
    overview::{EndpointHistory, Hour, Overview, Requests},
    steps::{Step, Steps},
};
use crate::{
    facts::exchange::Outcome,
    metrics::{
        CircuitState,
        bounds::Bounds,
        readings::{Key, totals},
    },
    window::Sums,
};

/// What happened in one window of time.
///
/// Made by [`StatisticsHandle::over`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// The length of the window that was asked for.
    pub window_seconds: f64,
    /// How much of it was observed. It is less after the start of the process, and after its machine was suspended.
    pub covered_seconds: f64,
    /// How much of that an earlier process observed, whose numbers were restored.
    pub restored_seconds: f64,
    /// When the window ended.
    pub until: WallTime,
    /// How long the window of the quantiles is. Above an hour it is longer than the other, by up to half an hour: older durations
    /// are kept in slots of that length.
    pub quantile_seconds: f64,
    /// The requests that ended in a second, over the time that was observed. `None` if that is 0.
    pub requests_per_second: Option<f64>,
    /// The requests that began and have not ended: now, and not in the window.
    pub in_flight: u64,
    /// The requests that began in the window.
    pub started: u64,
    /// The requests that ended in the window, by [`Outcome`], always with all six. Requests on a
    /// [route that is not observed](crate::exclude::ExcludeLayer::route) are only here.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Requests on excluded paths. They are in nothing else.
    pub excluded: u64,
    /// Requests on excluded paths that panicked, failed or had a 5xx response.
    pub excluded_errors: u64,
    /// The requests of all endpoints.
    pub total: Traffic,
    /// By their requests.
    endpoints: Vec<EndpointStatistics>,
    /// The failures by category and endpoint, the most frequent first, each beside the window before.
    pub errors: Vec<ErrorStatistics>,
    /// The [monitored functions](crate::operations::monitored) that ran, the busiest first, and so in the next lists.
    pub operations: Vec<OperationStatistics>,
    /// The queries of databases, by operation and table.
    pub queries: Vec<QueryStatistics>,
    /// The calls of other services.
    pub outbound: Vec<OutboundStatistics>,
    /// The background jobs that ran.
    pub jobs: Vec<JobStatistics>,
    /// The state of each circuit breaker that told one: now, and not in the window. In JSON it is `closed`, `open` or `half_open`.
    pub circuits: BTreeMap<&'static str, CircuitState>,
    /// What [pools](crate::operations::pool), queues, databases and the process said last: now, and not in the window. The keys
    /// are those of a [snapshot](crate::metrics::Snapshot), such as `db_connection_pool_size{pool="primary"}`.
    pub samples: BTreeMap<String, f64>,
}

/// What is known of this moment, and not of a window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    /// The requests that began and have not ended.
    pub(crate) in_flight: u64,
    pub(crate) circuits: BTreeMap<&'static str, CircuitState>,
    pub(crate) samples: BTreeMap<String, f64>,
}

// === impl Now ===

impl Now {
    fn of(source: &dyn Source) -> Self {
        Self {
            in_flight: source.in_flight(),
            circuits: source.circuits(),
            samples: source.samples(),
        }
    }
}

// === impl Statistics ===

impl Statistics {
    /// The statistics of a window, from what was counted in it and in the one before it.
    pub(crate) fn new(
        window: Duration,
        sums: &Sums,
        before: &Sums,
        bounds: &Bounds,
        now: Now,
    ) -> Self {
        let AllWork {
            operations,
            queries,
            outbound,
            jobs,
        } = AllWork::of_each(sums, bounds);
        let total = Traffic::of_all(sums, bounds);
        let covered_seconds = sums.covered.as_secs_f64();
        let observed = covered_seconds > 0.0;
        let counts = sums.counts.get(&Key::Totals);
        let count = |index: usize| counts.and_then(|all| all.get(index)).copied().unwrap_or(0);
        let outcome =
            |outcome: Outcome| (outcome.as_str(), count(totals::OUTCOMES + outcome as usize));
        Self {
            window_seconds: window.as_secs_f64(),
            covered_seconds,
            restored_seconds: sums.restored.as_secs_f64(),
            until: WallTime::new(sums.end),
            quantile_seconds: (sums.durations_end.saturating_sub(sums.durations_begin))
                .as_secs_f64(),
            requests_per_second: observed.then(|| total.requests as f64 / covered_seconds),
            in_flight: now.in_flight,
            started: count(totals::STARTED),
            outcomes: Outcome::ALL.into_iter().map(outcome).collect(),
            excluded: count(totals::EXCLUDED),
            excluded_errors: count(totals::EXCLUDED_ERRORS),
            total,
            endpoints: EndpointStatistics::of_each(sums, bounds),
            errors: ErrorStatistics::of_each(sums, before),
            operations,
            queries,
            outbound,
            jobs,
            circuits: now.circuits,
            samples: now.samples,
        }
    }

    /// The endpoints that had requests, each with one method, the highest first.
    #[must_use]
    pub fn endpoints(&self, order: EndpointOrder) -> Vec<&EndpointStatistics> {
        let mut endpoints: Vec<_> = self.endpoints.iter().collect();
        endpoints.sort_by(|one, other| order.compare(one, other));
        endpoints
    }

    /// One endpoint: the method as metrics show it, and the route. `None` if it had no request.
    #[must_use]
    pub fn endpoint(&self, method: &str, route: &str) -> Option<&EndpointStatistics> {
        let mut endpoints = self.endpoints.iter();
        endpoints.find(|one| one.method == method && one.endpoint == route)
    }

    /// The failures of each category that occurred, at all endpoints: `{"database": 3, "timeout": 1}`.
    #[must_use]
    pub fn errors_by_category(&self) -> BTreeMap<&'static str, u64> {
        ErrorStatistics::by_category(&self.errors)
    }

    /// One monitored function. `None` if it did not run.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&OperationStatistics> {
        self.operations.iter().find(|one| one.name == name)
    }

    /// The queries of one table with one operation, as metrics show it: `SELECT`. `None` if there was none.
    #[must_use]
    pub fn query(&self, operation: &str, table: &str) -> Option<&QueryStatistics> {
        let mut queries = self.queries.iter();
        queries.find(|one| one.operation == operation && one.table == table)
    }

    /// The calls of one service. `None` if there was none.
    #[must_use]
    pub fn outbound(&self, service: &str) -> Option<&OutboundStatistics> {
        self.outbound.iter().find(|one| one.service == service)
    }

    /// One background job. `None` if it did not run.
    #[must_use]
    pub fn job(&self, job: &str) -> Option<&JobStatistics> {
        self.jobs.iter().find(|one| one.job == job)
    }
}

#[cfg(test)]
pub(crate) mod given;
#[cfg(test)]
mod tests;
