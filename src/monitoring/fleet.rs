//! Shows what all instances of the service know together: their sums, and each instance beside the others.

use std::time::Duration;

use serde::Serialize;

use super::refusal::Refusal;
use crate::statistics::{
    EndpointOrder, EndpointStatistics, ErrorStatistics, Statistics, Traffic, WallTime,
};

/// The most instances that are shown.
const MOST: usize = 1_000;

/// An instance is slow whose p95 is so many times that of the others.
const SLOW: f64 = 2.0;

/// Asks all instances of a service. It can take seconds: the numbers are on another machine.
pub(crate) trait AskFleet: Send + Sync {
    /// What happened in the last `window`, at all instances together.
    fn over(&self, window: Duration) -> Result<FleetNumbers, FleetSilence>;
}

/// What all instances know together.
#[derive(Clone, Debug)]
pub(crate) struct FleetNumbers {
    pub(crate) statistics: Statistics,
    /// Those that are there, and those that are lost.
    pub(crate) instances: Vec<Instance>,
    /// How many starts are not among them, because there were too many.
    pub(crate) unlisted_starts: u64,
}

/// One instance: one start of a process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) version: Option<String>,
    pub(crate) started: WallTime,
    pub(crate) last_seen: WallTime,
    /// It gives no sign of life any more.
    pub(crate) is_lost: bool,
    /// It has ended in good order.
    pub(crate) has_ended: bool,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// How many times that of all others its p95 is. `None` where too few requests were answered.
    pub(crate) p95_to_others: Option<f64>,
    /// It has other thresholds than most of the others.
    pub(crate) other_settings: bool,
    /// What its checks say. `None` if it has none.
    pub(crate) health: Option<String>,
}

/// Why nothing is known of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetSilence {
    /// A sentence without a secret.
    pub(crate) reason: String,
}

/// The answer of the API.
#[derive(Debug, Serialize)]
pub(super) struct ShownFleet<'n> {
    window_seconds: f64,
    covered_seconds: f64,
    timestamp: WallTime,
    total: &'n Traffic,
    endpoints_count: usize,
    endpoints: Vec<&'n EndpointStatistics>,
    errors_count: usize,
    errors: &'n [ErrorStatistics],
    instances_count: usize,
    instances: Vec<ShownInstance>,
    /// How many starts are not among the instances, because there were too many.
    unlisted_starts: u64,
}

/// One instance, beside the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ShownInstance {
    id: String,
    version: Option<String>,
    started: WallTime,
    last_seen: WallTime,
    lost: bool,
    ended: bool,
    requests: u64,
    errors: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// How many times that of the others its p95 is. `None` where too few requests were answered.
    p95_to_others: Option<f64>,
    slow: bool,
    other_settings: bool,
    health: Option<String>,
}

// === impl ShownFleet ===

impl<'n> ShownFleet<'n> {
    /// With as many endpoints and errors as `limit`.
    pub(super) fn of(numbers: &'n FleetNumbers, limit: usize) -> Self {
        let FleetNumbers {
            statistics,
            instances,
            unlisted_starts,
        } = numbers;
        let mut endpoints = statistics.endpoints(EndpointOrder::default());
        let endpoints_count = endpoints.len();
        endpoints.truncate(limit);
        let errors = &statistics.errors;
        Self {
            window_seconds: statistics.window_seconds,
            covered_seconds: statistics.covered_seconds,
            timestamp: statistics.until,
            total: &statistics.total,
            endpoints_count,
            endpoints,
            errors_count: errors.len(),
            errors: errors.get(..limit).unwrap_or(errors),
            instances_count: instances.len(),
            instances: ShownInstance::of_each(instances),
            unlisted_starts: *unlisted_starts,
        }
    }
}

// === impl ShownInstance ===

impl ShownInstance {
    /// All instances by their names. One that started again stands below the start before.
    pub(super) fn of_each(instances: &[Instance]) -> Vec<Self> {
        let mut all: Vec<_> = instances.iter().collect();
        all.sort_by(|one, other| (&one.id, one.started).cmp(&(&other.id, other.started)));
        let shown = all.into_iter().take(MOST);
        shown.map(Self::of).collect()
    }

    fn of(one: &Instance) -> Self {
        let times = one.p95_to_others;
        Self {
            id: one.id.clone(),
            version: one.version.clone(),
            started: one.started,
            last_seen: one.last_seen,
            lost: one.is_lost,
            ended: one.has_ended,
            requests: one.requests,
            errors: one.errors,
            p50_ms: one.p50_ms,
            p95_ms: one.p95_ms,
            p99_ms: one.p99_ms,
            p95_to_others: times,
            slow: times.is_some_and(|times| times >= SLOW),
            other_settings: one.other_settings,
            health: one.health.clone(),
        }
    }
}

/// Asks all instances, if the service is one of several.
pub(super) fn ask(fleet: Option<&dyn AskFleet>, window: Duration) -> Result<FleetNumbers, Refusal> {
    let Some(fleet) = fleet else {
        return Err(Refusal::not_found(
            "this service is in no fleet: see VitalsBuilder::fleet",
        ));
    };
    fleet.over(window).map_err(|silence| {
        let reason = silence.reason;
        Refusal::busy(format!("nothing is known of other instances: {reason}"))
    })
}

#[cfg(test)]
pub(super) mod tests;
